"""Search term -> candidates: one function an image search engine, one page a call.

A search term is words, "phrases" and -excluded words, written the same way for every engine (all four read this very
syntax; where an engine takes an exclusion lightly, titles that hold the word are left out here).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from ddgs.engines import ENGINES as DDGS_ENGINES
from ddgs.exceptions import DDGSException

from ...errors import SearchError
from .answers import CommonsAnswer, CommonsPage, CommonsPicture, OpenverseAnswer, OpenverseItem, plain, read, sift
from .web import PASSING, USER_AGENT, PrivateAddress, TryAgain, public_socket, retry_after, retrying

ATTEMPTS = 6  # a rate-limited server may say "later" several times when others ask it too
PATIENCE = 300.0  # seconds: a longer wait is a daily limit, and for another day
TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)  # seconds


@dataclass(frozen=True)
class Candidate:
    """A picture that a search engine offered, with where it is from; nothing of it has been fetched yet."""

    url: str
    title: str = ""
    landing_page: str = ""
    creator: str = ""
    licence: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """One page of answers; next: the cursor of the page after it, None when there is no more.

    offered: the addresses of all that the engine listed, those that are left out here included.
    odd: why items were left out that made no sense -> how many.
    """

    candidates: tuple[Candidate, ...]
    next: int | None = None
    offered: frozenset[str] = frozenset()
    odd: Mapping[str, int] = field(default_factory=Counter)


@dataclass(frozen=True)
class Server:
    """A search engine's server and the session that asks it.

    url: the API's root, without a slash at the end. say: told in a sentence when the engine makes us wait.
    """

    url: str
    session: aiohttp.ClientSession
    say: Callable[[str], None] = print

    async def json(self, path: str, what: str, method: str = "GET", **request: Any) -> dict[str, Any]:
        """What the server answers, patiently: waits as told when it is asked too often.

        what: what is asked of it, for the error message ("to search for ...").
        Raises SearchError when it cannot be reached, refuses, or answers something that is not a JSON object.
        """

        def say(failure: TryAgain, seconds: float) -> None:
            why = "limits how often it may be asked" if failure.reason == "http 429" else f"failed ({failure.reason})"
            self.say(f"{self.url} {why}: asking again in {seconds:.0f} s.")

        try:
            async for attempt in retrying(ATTEMPTS, PATIENCE, say):
                with attempt:
                    return await self._json_once(path, what, method, **request)
        except TryAgain as failure:
            if failure.reason == "http 429":
                when = f"in {failure.after / 60:.0f} minutes" if failure.after else "later"
                raise SearchError(f"{self.url} answers no more searches for now: ask again {when}.") from None
            raise SearchError(f"{self.url} cannot be asked ({failure.reason}).") from None
        raise AssertionError("asking again ends in an answer or an error")

    async def _json_once(self, path: str, what: str, method: str, **request: Any) -> dict[str, Any]:
        try:
            async with self.session.request(method, self.url + path, allow_redirects=False, **request) as response:
                if response.status in PASSING:
                    raise TryAgain(f"http {response.status}", retry_after(response.headers))
                if response.status != 200:
                    said = response.headers.get("Location") or plain(await response.text(errors="replace"))[:200]
                    raise SearchError(f"{self.url} refuses {what} (http {response.status}: {said}).")
                answer = await response.json(content_type=None)
        except aiohttp.ClientPayloadError:
            raise TryAgain("its answer ended early") from None
        except TimeoutError:
            raise TryAgain("no answer in time") from None
        except aiohttp.ClientConnectionError as error:
            cause = getattr(error, "os_error", error)
            if isinstance(cause, PrivateAddress):
                raise SearchError(f"{self.url} is not on the open internet: name it if it is yours.") from None
            refused = isinstance(cause, ConnectionRefusedError)
            raise TryAgain("connection refused" if refused else str(cause)) from None
        except (aiohttp.ClientError, ValueError, RecursionError):  # JSON may nest deeper than can be read
            raise SearchError(f"{self.url} does not answer as an image search does: check the address.") from None
        if not isinstance(answer, dict):
            raise SearchError(f"{self.url} does not answer as an image search does: check the address.")
        return answer


def new_session(named: bool) -> aiohttp.ClientSession:
    """A session for one search engine's server, which may have a private address if it was named on the command line.

    Close it after use. Redirects are not followed: whoever asks for a server gets that server.
    """
    connector = aiohttp.TCPConnector(socket_factory=None if named else public_socket)
    return aiohttp.ClientSession(connector=connector, headers={"User-Agent": USER_AGENT}, timeout=TIMEOUT)


def page_of(query: str, found: Sequence[Candidate], following: int | None, odd: Mapping[str, int]) -> Page:
    """A page of the candidates whose titles hold none of the query's excluded words or "phrases"."""
    excluded = [words(term) for term in re.findall(r'(?:^|\s)-("[^"]*"|\S+)', query)]
    wanted = tuple(
        candidate
        for candidate in found
        if not any(term.strip() and term in words(candidate.title) for term in excluded)
    )
    return Page(wanted, following, frozenset(candidate.url for candidate in found), odd)


def words(text: str) -> str:
    """Lower-case words with one space around each, so that `in` finds whole words and phrases."""
    return " " + " ".join(re.findall(r"[^\W_]+", text.casefold())) + " "


def licence(code: str, version: str) -> str:
    """Openverse's code of a licence ("by-sa", "cc0") as the licence calls itself ("CC BY-SA 4.0", "CC0 1.0")."""
    names = {"cc0": "CC0", "pdm": "Public Domain Mark"}
    return f"{names.get(code, f'CC {code.upper()}' if code.startswith('by') else code)} {version}".strip()


async def openverse(server: Server, query: str, cursor: int = 0) -> Page:
    """Openverse: openly licensed pictures of many sources.

    20 a page and 240 in all for one query without a key; with OPENVERSE_CLIENT_ID and OPENVERSE_CLIENT_SECRET in the
    environment 100 a page, and a hundred searches a minute instead of twenty.
    https://api.openverse.org/v1/
    """
    if os.environ.get("OPENVERSE_CLIENT_ID") and "Authorization" not in server.session.headers:
        token = await server.json(
            "/v1/auth_tokens/token/", "the key", "POST", data={
                "grant_type": "client_credentials", "client_id": os.environ["OPENVERSE_CLIENT_ID"],
                "client_secret": os.environ.get("OPENVERSE_CLIENT_SECRET", ""),
            })  # fmt: skip
        server.session.headers["Authorization"] = f"Bearer {token.get('access_token', '')}"
    size = 100 if "Authorization" in server.session.headers else 20
    page = cursor or 1
    said = await server.json(
        "/v1/images/", f"to search for “{query}”", params={"q": query, "page": page, "page_size": size}
    )
    answer, odd = read(OpenverseAnswer, said, server.url), Counter[str]()
    found = [
        Candidate(
            item.url,
            item.title,
            item.foreign_landing_url,
            item.creator,
            licence(item.license, item.license_version),
            tuple(tag for tag in item.tags if tag),
        )
        for item in sift(OpenverseItem, answer.results, odd)
    ]
    return page_of(query, found, page + 1 if page < answer.page_count else None, odd)


async def commons(server: Server, query: str, cursor: int = 0) -> Page:
    """Wikimedia Commons: photographs, no drawings as vectors, scaled by the server to at most 960 pixels wide.

    50 a page. 960 is one of the widths that Wikimedia keeps ready; it refuses others.
    https://www.mediawiki.org/wiki/API:Search, https://www.mediawiki.org/wiki/Common_thumbnail_sizes
    """
    said = await server.json("/w/api.php", f"to search for “{query}”", params={
        "action": "query", "format": "json", "formatversion": "2", "generator": "search",
        "gsrsearch": f"{query} filetype:bitmap", "gsrnamespace": "6", "gsrlimit": "50", "gsroffset": str(cursor),
        "prop": "imageinfo", "iiprop": "url|size|mime|sha1|extmetadata", "iiurlwidth": "960", "maxlag": "5",
    })  # fmt: skip
    answer, odd = read(CommonsAnswer, said, server.url), Counter[str]()
    if answer.error:
        why = answer.error.get("info") if isinstance(answer.error, dict) else answer.error
        raise SearchError(f"{server.url} refuses to search for “{query}”: {plain(why)}")
    pages = sift(CommonsPage, answer.query.pages, odd)
    found = [
        Candidate(
            about.url, page.title.removeprefix("File:"), about.descriptionurl, about.extmetadata.artist,
            about.extmetadata.licence, tuple(filter(None, about.extmetadata.categories.split("|"))),
        )
        for page in sorted(pages, key=lambda page: page.index)
        for about in sift(CommonsPicture, page.imageinfo, odd)
    ]  # fmt: skip
    return page_of(query, found, answer.more.gsroffset if answer.more.gsroffset > cursor else None, odd)


async def bing(_server: Server, query: str, cursor: int = 0) -> Page:
    """Bing's image search, as ddgs reads it: no key, no licences, and a block now and then."""
    return await _ddgs("bing", query, cursor or 1)


async def duckduckgo(_server: Server, query: str, cursor: int = 0) -> Page:
    """DuckDuckGo's image search, as ddgs reads it: no key, no licences, and a block now and then."""
    return await _ddgs("duckduckgo", query, cursor or 1)


async def _ddgs(name: str, query: str, page: int) -> Page:
    results, odd = await asyncio.to_thread(_ddgs_page, name, query, page), Counter[str]()
    found = [Candidate(item.url, item.title, item.foreign_landing_url) for item in sift(OpenverseItem, results, odd)]
    return page_of(query, found, page + 1 if results and page < 10 else None, odd)


def _ddgs_page(name: str, query: str, page: int) -> list[dict[str, object]]:
    """One page by a back-end of ddgs, without its silence: it takes any refusal (403, 429) for "nothing found"."""
    engine = DDGS_ENGINES["images"][name](timeout=20)

    def request(*args: Any, **kwargs: Any) -> str:
        response = engine.http_client.request(*args, **kwargs)
        if response.status_code != 200:
            raise DDGSException(f"http {response.status_code}")
        if "captcha" in response.text.lower():
            raise DDGSException("it wants to see a person")
        return str(response.text)

    engine.request = request
    try:
        results = engine.search(query, page=page)
    except (DDGSException, ValueError) as error:  # ValueError: a page that is not the JSON it should be
        raise SearchError(
            f"{name} refuses to search or has changed ({error}). It limits how much it may be asked: ask again in an"
            " hour, or do without that engine."
        ) from None
    return [{"url": item.image, "title": item.title, "foreign_landing_url": item.url} for item in results]


ENGINES = {"openverse": openverse, "commons": commons, "bing": bing, "duckduckgo": duckduckgo}
SERVERS = {"openverse": "https://api.openverse.org", "commons": "https://commons.wikimedia.org"}
