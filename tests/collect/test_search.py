"""Image searches over real HTTP on loopback, in the shapes that the real ones answer."""

import asyncio
import html
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from ddgs.http_client import HttpClient
from search_server import SearchServer, hang_up, instead, once, status

from beercan_or_bacon.errors import DataError, SearchError
from beercan_or_bacon.training.collect import search
from beercan_or_bacon.training.collect.search import (
    Candidate,
    Page,
    Server,
    bing,
    commons,
    duckduckgo,
    new_session,
    openverse,
)
from beercan_or_bacon.training.table import Record, read_table, write_table


@pytest.fixture
def server():
    with SearchServer() as server:
        yield server


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ("OPENVERSE_CLIENT_ID", "OPENVERSE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)


def ask(engine, url: str, query: str, cursor: int = 0, said: list | None = None, named: bool = True) -> Page:
    async def run():
        async with new_session(named) as session:
            return await engine(Server(url, session, (said if said is not None else []).append), query, cursor)

    return asyncio.run(run())


def all_pages(engine, url: str, query: str) -> list[Candidate]:
    found, cursor = [], 0
    while cursor is not None:
        page = ask(engine, url, query, cursor)
        found += page.candidates
        cursor = page.next
    return found


def asked(server) -> dict[str, str]:
    """The parameters of the last request."""
    return {key: values[-1] for key, values in parse_qs(urlsplit(server.requests[-1]).query).items()}


@pytest.mark.parametrize("engine", [openverse, commons])
def test_where_a_picture_is_from(engine, server):
    server.pictures["can 1.jpg"] = b""
    (found,) = ask(engine, server.url, "can").candidates
    assert found == Candidate(
        url=f"{server.url}/images/can 1.jpg", title="can 1.jpg", landing_page=f"{server.url}/page/can 1.jpg",
        creator="Painter of can 1.jpg", licence="CC BY 4.0",
    )  # fmt: skip
    assert "beercan-or-bacon" in server.headers[0]["User-Agent"]


@pytest.mark.parametrize(
    ("code", "version", "name"),
    [("by-sa", "2.0", "CC BY-SA 2.0"), ("cc0", "1.0", "CC0 1.0"), ("pdm", "", "Public Domain Mark"), ("", "", "")],
)
def test_openverse_licences_by_their_names(code, version, name):
    assert search.licence(code, version) == name


def test_commons_is_asked_for_photographs_in_a_width_that_it_has(server):
    ask(commons, server.url, "can")
    assert asked(server)["gsrsearch"] == "can filetype:bitmap"
    assert asked(server)["iiurlwidth"] == "960"


@pytest.mark.parametrize(("engine", "pages"), [(openverse, 7), (commons, 3)])
def test_every_page_is_asked_for_once_and_in_order(engine, pages, server):
    server.pictures = {f"can {n}.jpg": b"" for n in range(123)}
    found = all_pages(engine, server.url, "can")
    assert [candidate.title for candidate in found] == list(server.pictures)
    assert len(server.requests) == pages


def test_openverse_gives_more_a_page_to_those_who_have_a_key(server, monkeypatch):
    monkeypatch.setenv("OPENVERSE_CLIENT_ID", "me")
    monkeypatch.setenv("OPENVERSE_CLIENT_SECRET", "secret")
    server.answers["/v1/auth_tokens/token/"] = instead(b'{"access_token": "abc", "token_type": "Bearer"}')
    server.pictures = {f"can {n}.jpg": b"" for n in range(90)}
    page = ask(openverse, server.url, "can")
    assert (len(page.candidates), page.next) == (90, None)
    assert server.headers[-1]["Authorization"] == "Bearer abc"


@pytest.mark.parametrize("engine", [openverse, commons])
@pytest.mark.parametrize("query", ["can -chicken", "can -chicken -recipe", 'can -"chicken can"', '-chicken can "x"'])
def test_excluded_words_are_said_to_the_engine_and_held_to(engine, query, server):
    server.pictures = {"can.jpg": b"", "Chicken can.jpg": b"", "canchicken.jpg": b""}
    server.search = lambda _query: list(server.pictures)  # an engine that takes no notice
    assert [found.title for found in ask(engine, server.url, query).candidates] == ["can.jpg", "canchicken.jpg"]
    assert query in (asked(server).get("q") or asked(server)["gsrsearch"])


@pytest.mark.parametrize("engine", [openverse, commons])
def test_nothing_found_is_an_answer(engine, server):
    assert ask(engine, server.url, "nothing") == Page(())


@pytest.mark.parametrize("fault", [status(429, Retry_After="1"), status(503), hang_up])
def test_a_search_that_must_wait_says_so_and_goes_on(fault, server):
    server.answers["/v1/images/"] = lambda handler, body, tries: (
        fault(handler, body, tries) if len(server.requests) == 1 else handler.reply(200, b'{"results": []}')
    )
    said = []
    assert ask(openverse, server.url, "can", said=said) == Page(())
    if fault is not hang_up:  # aiohttp asks once more by itself when a connection is lost
        (sentence,) = said
        assert "asking again in" in sentence


def test_a_daily_limit_is_told_apart_from_nothing_found_and_not_waited_for(server):
    server.answers["/v1/images/"] = status(429, Retry_After="7200")
    with pytest.raises(SearchError, match="no more searches for now: ask again in 120 minutes"):
        ask(openverse, server.url, "can")
    assert len(server.requests) == 1


def test_a_server_that_is_not_there(server, monkeypatch):
    monkeypatch.setattr(search, "ATTEMPTS", 2)
    server.shutdown()
    server.server_close()
    with pytest.raises(SearchError, match=r"cannot be asked \(connection refused\)"):
        ask(openverse, server.url, "can")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(400), "http 400"),
        (status(301, Location="http://169.254.169.254/"), "http 301: http://169.254.169.254/"),
        (instead(b"<html>a parked domain</html>"), "check the address"),
        (instead(b"[]"), "check the address"),
    ],
)
@pytest.mark.parametrize("engine", [openverse, commons])
def test_a_server_that_is_no_image_search(engine, answer, said, server):
    server.answers = {"/v1/images/": answer, "/w/api.php": answer}
    with pytest.raises(SearchError, match=said):
        ask(engine, server.url, "can")
    assert len(server.requests) == 1


def test_commons_says_why_it_refuses_a_search(server):
    server.answers["/w/api.php"] = instead(b'{"error": {"code": "cirrussearch-bad", "info": "Could not parse"}}')
    with pytest.raises(SearchError, match="Could not parse"):
        ask(commons, server.url, "can")


def test_an_api_that_was_not_named_may_not_be_private(server):
    with pytest.raises(SearchError, match="not on the open internet"):
        ask(openverse, server.url, "can", named=False)
    assert server.requests == []


GOOD = "https://example.org/good.jpg"


def openverse_item(**changed) -> dict:
    return {"url": GOOD, "title": "A good one", "license": "by", "license_version": "4.0"} | changed


def commons_page(**changed) -> dict:
    return {"title": "File:A good one", "imageinfo": [{"url": GOOD, "extmetadata": []}]} | changed


def nested(depth: int) -> bytes:
    return b'{"results": ' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (None, "is no object"),
        ([], "is no object"),
        ("https://example.org/a.jpg", "is no object"),
        ({}, "without url"),
        (openverse_item(url=None), "url is no text"),
        (openverse_item(url=["https://example.org/a.jpg"]), "url is no text"),
        (openverse_item(url="ftp://example.org/a.jpg"), "url is no web address"),
        (openverse_item(url=""), "url is no web address"),
        (openverse_item(title={"en": "a"}), "title is no text"),
        (openverse_item(creator=["a"]), "creator is no text"),
    ],
)
def test_an_odd_item_of_openverse_is_counted_and_the_rest_goes_on(item, reason, server):
    server.answers["/v1/images/"] = instead(json.dumps({"results": [item, openverse_item(), item]}).encode())
    page = ask(openverse, server.url, "can")
    assert [found.url for found in page.candidates] == [GOOD]
    assert page.odd == {reason: 2}


@pytest.mark.parametrize(
    ("changed", "title", "creator"),
    [
        ({"foreign_landing_url": "javascript:alert(1)"}, "A good one", ""),
        ({"title": None}, "", ""), ({"title": 1984}, "1984", ""), ({"creator": None}, "A good one", ""),
        ({"license": None, "license_version": 4.0}, "A good one", ""), ({"title": "half \ud83c"}, "half ?", ""),
    ],
)  # fmt: skip
def test_what_is_missing_from_an_item_is_no_harm(changed, title, creator, server):
    server.answers["/v1/images/"] = instead(json.dumps({"results": [openverse_item(**changed)]}).encode())
    (found,) = ask(openverse, server.url, "can").candidates
    assert (found.url, found.title, found.creator, found.landing_page) == (GOOD, title, creator, "")
    found.title.encode()


@pytest.mark.timeout(60)  # in a time that grows with the square of what is sent, it would be an hour
@pytest.mark.parametrize("creator", ["<" * 1_000_000, "a" * 1_000_000])
def test_no_name_is_so_long_that_the_table_cannot_be_read_again(creator, server, tmp_path):
    long = {"creator": creator, "foreign_landing_url": f"{GOOD}?{creator}", "license": creator}
    answer = {"results": [openverse_item(**long), openverse_item(url=f"{GOOD}?{creator}")]}
    server.answers["/v1/images/"] = instead(json.dumps(answer).encode())
    page = ask(openverse, server.url, "can")
    (found,) = page.candidates
    assert (found.creator, found.landing_page) == (creator[:1000], "")
    assert page.odd == {"url is too long": 1}
    table = tmp_path / "pictures.csv"
    write_table(tmp_path, [Record("can", "can", "openverse", found.url, creator=found.creator, licence=found.licence)])
    assert read_table(tmp_path)[0].creator == found.creator
    table.write_text(table.read_text().replace(found.creator, creator))
    with pytest.raises(DataError, match=r"is not a table this version wrote \(field larger"):
        read_table(tmp_path)


def test_of_many_categories_none_is_lost(server):
    categories = [f"Category {number}" for number in range(500)]
    notes = {"Artist": {"value": "a" * 2000}, "Categories": {"value": "|".join(categories)}}
    answer = {"query": {"pages": [commons_page(imageinfo=[{"url": GOOD, "extmetadata": notes}])]}}
    server.answers["/w/api.php"] = instead(json.dumps(answer).encode())
    (found,) = ask(commons, server.url, "can").candidates
    assert (found.creator, found.tags) == ("a" * 1000, tuple(categories))


@pytest.mark.parametrize(
    ("answer", "addresses", "following"),
    [
        ({"results": None}, [], None),
        ({"results": {"0": openverse_item()}}, [GOOD], None),  # what PHP makes of a list with gaps
        ({"results": [openverse_item()], "page_count": None}, [GOOD], None),
        ({"results": [openverse_item()], "page_count": "5"}, [GOOD], 2),
        ({"results": [openverse_item()], "page_count": 5.0}, [GOOD], 2),
        ({"page_count": 5}, [], 2),
    ],
)
def test_odd_pages_of_openverse(answer, addresses, following, server):
    server.answers["/v1/images/"] = instead(json.dumps(answer).encode())
    page = ask(openverse, server.url, "can")
    assert ([found.url for found in page.candidates], page.next, page.odd) == (addresses, following, {})


@pytest.mark.parametrize(
    ("answer", "addresses", "odd"),
    [
        ({"query": None}, [], {}),
        ({"query": []}, [], {}),
        ({"query": {"pages": None}}, [], {}),
        ({"query": {"pages": {"12": commons_page()}}}, [GOOD], {}),  # formatversion 1
        ({"query": {"pages": [commons_page(imageinfo=None)]}}, [], {}),  # a file that was deleted meanwhile
        ({"query": {"pages": [commons_page(index="x"), commons_page()]}}, [GOOD], {"index is no number": 1}),
        ({"query": {"pages": [commons_page(imageinfo=3), commons_page()]}}, [GOOD], {"imageinfo is no list": 1}),
        ({"query": {"pages": [commons_page(imageinfo=[None]), commons_page()]}}, [GOOD], {"is no object": 1}),
        ({"query": {"pages": [commons_page(imageinfo=[{}]), commons_page()]}}, [GOOD], {"without url": 1}),
        ({"query": {"pages": [None, 7, commons_page()]}}, [GOOD], {"is no object": 2}),
        ({"query": {"pages": [commons_page(title=None)]}}, [GOOD], {}),
        ({"query": {"pages": [commons_page()]}, "continue": None}, [GOOD], {}),
        ({"query": {"pages": [commons_page()]}, "continue": []}, [GOOD], {}),
        ({"query": {"pages": [commons_page()]}, "continue": {"gsroffset": 0}}, [GOOD], {}),  # it does not go on
        ({"query": {"pages": [commons_page()]}, "error": None}, [GOOD], {}),
    ],
)
def test_odd_pages_of_commons(answer, addresses, odd, server):
    server.answers["/w/api.php"] = instead(json.dumps(answer).encode())
    page = ask(commons, server.url, "can")
    assert ([found.url for found in page.candidates], page.next, page.odd) == (addresses, None, odd)


@pytest.mark.parametrize(
    ("about", "creator"),
    [([], ""), (None, ""), ({"Artist": None}, ""), ({"Artist": {"value": 7}}, "7"), ({"Artist": {"value": None}}, "")],
)
def test_odd_notes_on_a_picture_of_commons(about, creator, server):
    found = commons_page(imageinfo=[{"url": GOOD, "thumburl": None, "extmetadata": about}])
    server.answers["/w/api.php"] = instead(json.dumps({"query": {"pages": [found]}}).encode())
    (candidate,) = ask(commons, server.url, "can").candidates
    assert (candidate.url, candidate.creator) == (GOOD, creator)


def test_where_a_search_of_commons_goes_on_may_be_a_text(server):
    server.answers["/w/api.php"] = instead(b'{"continue": {"gsroffset": "50"}}')
    assert ask(commons, server.url, "can").next == 50


@pytest.mark.parametrize(
    "answer", [{"results": 5}, {"results": "none"}, {"results": [], "page_count": []}, {"query": 5},
               {"query": {"pages": "x"}}, {"continue": 5}, {"continue": {"gsroffset": {}}}],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_says_what_does_not(answer, server):
    server.answers = dict.fromkeys(["/v1/images/", "/w/api.php"], instead(json.dumps(answer).encode()))
    engine = openverse if "results" in answer else commons
    key = list(answer)[-1]
    with pytest.raises(SearchError, match=f"does not answer as an image search does .*{key}"):
        ask(engine, server.url, "can")


@pytest.mark.parametrize("engine", [openverse, commons])
def test_json_that_nests_without_end(engine, server):
    server.answers = dict.fromkeys(["/v1/images/", "/w/api.php"], instead(nested(100_000)))
    with pytest.raises(SearchError, match="does not answer as an image search does"):
        ask(engine, server.url, "can")


@pytest.mark.parametrize("error", ["You are blocked", {"info": "You are blocked"}, {"info": ["You are blocked"]}])
def test_however_commons_says_why(error, server):
    server.answers["/w/api.php"] = instead(json.dumps({"error": error}).encode())
    with pytest.raises(SearchError, match=r"refuses to search for “can”: .*You are blocked"):
        ask(commons, server.url, "can")


# Bing and DuckDuckGo, by the pinned ddgs: what it parses, replayed by a server in their place.


@pytest.fixture
def web(server, monkeypatch):
    """All that ddgs asks anybody is asked of the loopback server, by ddgs's own HTTP client."""
    request = HttpClient.request

    def redirected(self, method, url, *args, **kwargs):
        return request(self, method, server.url + (urlsplit(url).path or "/"), *args, **kwargs)

    monkeypatch.setattr(HttpClient, "request", redirected)
    return server


def bing_item(title: str, image: str) -> str:
    about = html.escape(json.dumps({"t": title, "murl": image, "turl": image + "?t", "purl": "https://example.org/p"}))
    return (
        f'<li><div class="iuscp"><div class="imgpt"><a class="iusc" m="{about}"></a><div class="img_info">'
        '<span class="nowrap">800 × 600 · jpeg</span></div></div><div class="infopt"><div class="lnkw">'
        '<a href="https://example.org/p">example.org</a></div></div></div></li>'
    )


def test_bing(web):
    items = [
        bing_item("A beer can", "https://example.org/a.jpg?w=1&h=2"),
        bing_item("Beer-can chicken", "https://b.org/b"),
    ]
    web.answers["/images/async"] = instead(f"<div><ul>{''.join(items)}</ul></div>".encode())
    page = ask(bing, "bing", "beer can -chicken")
    assert page.candidates == (Candidate("https://example.org/a.jpg?w=1&h=2", "A beer can", "https://example.org/p"),)
    assert asked(web)["q"] == "beer can -chicken"
    assert asked(web)["first"] == "1"
    ask(bing, "bing", "beer can", page.next)
    assert asked(web)["first"] == "36"


def test_duckduckgo(web):
    web.answers["/"] = instead(b'<script>vqd="4-123"</script>')
    item = {
        "title": "A <b>beer</b> can", "image": "https://example.org/a.jpg", "thumbnail": "https://example.org/t.jpg",
        "url": "https://example.org/p", "width": 800, "height": 600, "source": "Bing",
    }  # fmt: skip
    other = item | {"title": "Chicken", "image": "https://example.org/b.jpg"}
    web.answers["/i.js"] = instead(json.dumps({"results": [item, other], "next": "i.js?"}).encode())
    page = ask(duckduckgo, "duckduckgo", "beer can -chicken")
    assert page.candidates == (Candidate("https://example.org/a.jpg", "A beer can", "https://example.org/p"),)
    assert asked(web)["q"] == "beer can -chicken"
    assert asked(web)["vqd"] == "4-123"
    ask(duckduckgo, "duckduckgo", "beer can", page.next)
    assert asked(web)["s"] == "100"


def test_ddgs_finds_nothing(web):
    web.answers = {
        "/": instead(b'vqd="4-123"'), "/i.js": instead(b'{"results": []}'), "/images/async": instead(b"<div></div>"),
    }  # fmt: skip
    assert ask(duckduckgo, "duckduckgo", "nothing") == Page(())
    assert ask(bing, "bing", "nothing") == Page(())


@pytest.mark.parametrize(
    "answers",
    [
        {"/": status(403), "/images/async": status(403)},
        {"/": instead(b'vqd="4-123"'), "/i.js": status(429), "/images/async": status(429)},
        {"/": instead(b'vqd="4-123"'), "/i.js": status(202), "/images/async": status(202)},
        {"/": instead(b"<html>Are you a robot?</html>"), "/images/async": instead(b"<div class=Captcha></div>")},
        {"/": instead(b'vqd="4-123"'), "/i.js": instead(b"<html>"), "/images/async": hang_up},
    ],
)
@pytest.mark.parametrize("engine", [bing, duckduckgo])
def test_the_silent_blocks_of_ddgs_are_told_apart_from_nothing_found(engine, answers, web):
    web.answers = answers
    with pytest.raises(SearchError, match=f"{engine.__name__} refuses to search or has changed.*in an hour"):
        ask(engine, engine.__name__, "beer can")


def test_a_failure_that_passes_is_no_reason_to_ask_ddgs_again_at_once(web):
    web.answers["/images/async"] = once(status(429))
    with pytest.raises(SearchError):
        ask(bing, "bing", "beer can")
    assert len(web.requests) == 1
