"""Candidate -> picture on disk, or a Rejection with its reason."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import tempfile
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ...errors import BusyError, PictureError
from ...serving.pictures import read_picture
from .parts import parts_folder
from .web import PASSING, USER_AGENT, PrivateAddress, TryAgain, public_socket, retry_after, retrying

BYTES = 20_000_000  # the largest picture that is read
SILENCE = 10.0  # seconds without a byte before a server counts as stalled
SECONDS = 30.0  # the longest that one picture may take from its first byte to its last, redirects included
REDIRECTS = 5
AT_ONCE = 24  # pictures in flight: asked for, or arrived and not yet checked
PER_HOST = 2  # of which from one host, as https://wikitech.wikimedia.org/wiki/Robot_policy allows; nobody else minds
FIRST = 4  # of which before it has answered: small servers' queues of new connections hold five
PER_NAMED_HOST = 12  # from a server named on the command line: it is the user's own, or a mirror for the purpose
ATTEMPTS = 3
PATIENCE = 60.0  # seconds: the longest that a server may make one picture wait in this run
FORMATS = {  # Pillow's name of a format -> extension
    "JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif", "AVIF": "avif",
}  # fmt: skip
# what is wrong with a picture (see PictureError) -> the reason it is dropped for
REASONS = {
    "unreadable": "not an image", "damaged": "broken image", "odd": "broken image", "too_much": "too much to open",
    "too_many_pixels": "too many pixels",
}  # fmt: skip
OPT_OUT = {"noai", "noimageai"}  # words of X-Robots-Tag, as DeviantArt introduced them
UNREACHABLE = "unreachable"
# the reasons of those that are not even asked for, because others of their host
LOST = "host does not answer"  # got no answer at all
STALLS = "host stalls"  # got an answer, but no end of it
NOT_FOR_TRAINING = ("unsplash.com",)  # domains whose terms forbid it


@dataclass(frozen=True)
class Picture:
    """A whole picture on disk: file is its path below the data folder, width and height are pixels as displayed."""

    file: str
    sha256: str
    bytes: int
    width: int
    height: int


@dataclass(frozen=True)
class Part:
    """What arrived, under a temporary name. whole: it is known to be all of it."""

    path: Path
    sha256: str
    bytes: int
    whole: bool


class Rejection(Exception):
    """Why a candidate is no picture here. final: asking again in another run cannot help."""

    def __init__(self, reason: str, final: bool = True):
        super().__init__(reason)
        self.reason, self.final = reason, final


@dataclass
class Host:
    """What is known in this run of one host (name and port).

    limit: requests at a time; it is asked FIRST at a time until it answers, and one more after each answer.
    """

    limit: int
    resume: float = 0.0  # the loop's time before which it has asked not to be asked
    answered: float = -inf  # the loop's time of its last answer
    heard: float = -inf  # and of the last beginning of one
    failures: int = 0  # in a row, of requests begun since the last answer
    throttles: int = 0  # in a row
    given_up: str = LOST  # why, if failures are that many

    def __post_init__(self) -> None:
        self.width = min(FIRST, self.limit)
        self.slots = asyncio.Semaphore(self.width)

    @property
    def lost(self) -> bool:
        """It has failed as often in a row as it was first asked at once: no more is asked of it in this run."""
        return self.failures >= FIRST

    def answers(self) -> None:
        """Note an answer, whatever it was."""
        self.answered, self.failures = asyncio.get_running_loop().time(), 0
        if self.width < self.limit:
            self.width += 1
            self.slots.release()

    def fails(self, begun: float) -> None:
        """Note that a request came to nothing. One that had begun before the last answer says nothing of the host."""
        self.failures += begun > self.answered
        self.given_up = STALLS if self.heard > begun else LOST


class Downloader:
    """Fetches pictures into a data folder, many at once, few at a time of one host. Use as `async with`.

    A picture is written under a temporary name and renamed once it is known to be whole, so that a file under
    pictures/ is complete or absent.

    data: the data folder. named: host names that may have private addresses (servers named on the command line).
    Proxies from the environment are not used: behind one, nobody could tell which address is connected to.
    """

    def __init__(self, data: Path, named: frozenset[str] = frozenset()) -> None:
        self.folder = Path(data) / "pictures"
        self.named = named
        self.hosts: dict[str, Host] = {}
        self.pool = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Downloader:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.left = ExitStack()
        self.parts = self.left.enter_context(parts_folder(self.folder))
        self.public = self._session(limit_per_host=PER_HOST, socket_factory=public_socket)
        self.private = self._session(limit_per_host=PER_NAMED_HOST)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.public.close()
        await self.private.close()
        self.left.close()

    def _session(self, **connector: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, **connector),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, "Accept": "image/*", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE),
        )

    async def fetch(self, url: str) -> Picture:
        """The picture at an address, on disk.

        Asks again where that may help (429, 503, a lost connection, a body cut short). Raises Rejection otherwise.
        """
        try:
            address = URL(url, encoded=url.isascii() and " " not in url)  # as found: queries may be signed
            host = self.hosts.setdefault(
                urlsplit(url).netloc, Host(PER_NAMED_HOST if address.host in self.named else PER_HOST)
            )
        except ValueError:
            raise Rejection("bad address") from None
        if f".{address.host}".endswith(tuple(f".{domain}" for domain in NOT_FOR_TRAINING)):
            raise Rejection("terms forbid training")
        try:
            async for attempt in retrying(ATTEMPTS, PATIENCE):
                with attempt:
                    async with AsyncExitStack() as until_checked:
                        async with host.slots:
                            await asyncio.sleep(host.resume - asyncio.get_running_loop().time())
                            await until_checked.enter_async_context(self.pool)
                            part = await self._once(address, host)
                        return await asyncio.to_thread(self._keep, part)
        except TryAgain as failure:
            raise Rejection(failure.reason, final=False) from None
        raise AssertionError("asking again ends in a picture or an error")

    async def _once(self, address: URL, host: Host) -> Part:
        """One attempt, within its time; what went wrong becomes Rejection or TryAgain."""
        if host.lost:
            raise Rejection(host.given_up, final=False)
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(SECONDS):
                part = await self._follow(address, host)
        except (Rejection, TryAgain):  # an answer too
            host.answers()
            raise
        except TimeoutError as error:  # aiohttp's own are TimeoutErrors too
            host.fails(begun)
            connected = not isinstance(error, aiohttp.ConnectionTimeoutError)
            raise Rejection("stalled" if connected else UNREACHABLE, final=False) from None
        except aiohttp.ClientPayloadError:
            host.answers()
            raise TryAgain("truncated") from None
        except aiohttp.ClientSSLError:
            raise Rejection("bad certificate") from None
        except aiohttp.ClientConnectionError as error:
            if isinstance(getattr(error, "os_error", None), PrivateAddress):
                raise Rejection("private address") from None
            host.fails(begun)
            raise TryAgain(UNREACHABLE) from None
        except (ValueError, aiohttp.NonHttpUrlClientError):  # aiohttp.InvalidURL is a ValueError
            raise Rejection("bad address") from None
        except aiohttp.ClientError:
            raise Rejection("not http") from None
        host.answers()
        return part

    async def _follow(self, address: URL, host: Host) -> Part:
        seen = set()
        for _ in range(REDIRECTS + 1):
            seen.add(address)
            session = self.private if address.host in self.named else self.public
            async with session.get(address, allow_redirects=False) as response:
                host.heard = asyncio.get_running_loop().time()
                acknowledge(response)
                if response.status not in (301, 302, 303, 307, 308):
                    return await self._receive(response, host)
                address = address.join(URL(response.headers.get("Location", "")))
            if address in seen:
                raise Rejection("redirect loop")
        raise Rejection("too many redirects")

    async def _receive(self, response: aiohttp.ClientResponse, host: Host) -> Part:
        if response.status in PASSING:
            after = retry_after(response.headers)
            host.throttles = host.throttles + 1 if response.status == 429 else 0
            if host.throttles > 1:  # it means all of us, not this one picture
                host.resume = asyncio.get_running_loop().time() + min(after or 1.0, PATIENCE)
            raise TryAgain(f"http {response.status}", after)
        host.throttles = 0
        if response.status != 200:
            raise Rejection(f"http {response.status}")
        robots = ",".join(response.headers.getall("X-Robots-Tag", ())).lower()
        if OPT_OUT & {word.strip() for word in robots.replace(":", ",").split(",")}:
            raise Rejection("opted out")
        if (response.content_length or 0) > BYTES:
            raise Rejection("too large")
        digest, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self.parts, delete=False) as file:
            path = Path(file.name)
            try:
                async for chunk in response.content.iter_any():
                    size += len(chunk)
                    if size > BYTES:
                        raise Rejection("too large")
                    digest.update(chunk)
                    file.write(chunk)
            except BaseException:
                path.unlink()
                raise
        # with a length announced, aiohttp has counted; otherwise the end may be that of the connection
        return Part(path, digest.hexdigest(), size, whole=response.content_length is not None)

    def _keep(self, part: Part) -> Picture:
        """Check what arrived and give it its name, or remove it."""
        try:
            extension, width, height = inspect(part.path, part.whole)
            name = f"{part.sha256}.{extension}"
            part.path.replace(self.folder / name)
        finally:
            part.path.unlink(missing_ok=True)
        return Picture(f"pictures/{name}", part.sha256, part.bytes, width, height)


def acknowledge(response: aiohttp.ClientResponse) -> None:
    """Acknowledge the headers at once, where the system lets us (Linux).

    A server that sends headers and body in two writes holds the body back until then (Nagle's algorithm, RFC 896),
    and on a connection that is used again the acknowledgement would come only after 40 ms.
    """
    if response.connection and response.connection.transport and hasattr(socket, "TCP_QUICKACK"):
        connected = response.connection.transport.get_extra_info("socket")
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def inspect(path: Path, whole: bool = True) -> tuple[str, int, int]:
    """Decode a picture to its end: (extension of its true format, width, height as displayed).

    whole: all its bytes are known to have come, so that asking again for a broken one is useless.
    Raises Rejection, or TryAgain for one that ends early when it was not known to be whole, or is not there any more.
    """
    try:
        with path.open("rb") as file:
            opened = read_picture(file, keep=64)  # all of its data, and of a JPEG no more than an eighth of its pixels
    except FileNotFoundError:  # which says nothing about the picture
        raise TryAgain("lost") from None
    except BusyError:
        raise Rejection("too much to open", final=False) from None
    except PictureError as error:
        if error.why == "damaged" and not whole:
            raise TryAgain("truncated") from None
        raise Rejection(REASONS[error.why]) from None
    if opened.format not in FORMATS:
        raise Rejection(REASONS["unreadable"])
    return FORMATS[opened.format], opened.width, opened.height
