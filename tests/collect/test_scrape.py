"""The scrape stage by way of train.py: what is remembered, what is asked again, what is said."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from search_server import SearchServer, cut_short, endless, hang_up, instead, once, picture, redirect, stall, status

import train
from beercan_or_bacon.training.attribution import write_attribution
from beercan_or_bacon.training.collect import download, scrape
from beercan_or_bacon.training.table import read_table, write_table

ROOT = Path(__file__).parents[2]
CLASSES = """
[[class]]
label = "beer can"
search = ["can -chicken", "beer"]
[[class]]
label = "bacon"
search = ["bacon -kevin"]
[neither]
search = ["dog"]
"""


@pytest.fixture
def server():
    with SearchServer() as server:
        for seed, name in enumerate(["can 1.jpg", "beer can 2.jpg", "bacon 1.jpg", "bacon 2.jpg", "dog.jpg"]):
            server.pictures[name] = picture(seed)
        yield server


@pytest.fixture
def arguments(tmp_path, server):
    (tmp_path / "classes.toml").write_text(CLASSES)
    return [
        "scrape", "--classes", str(tmp_path / "classes.toml"), "--data", str(tmp_path / "data"),
        "--openverse", server.url, "--commons", server.url,
    ]  # fmt: skip


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def by_name(data) -> dict[str, object]:
    """The table's rows by the pictures' names; of the few that two classes found, the last."""
    return {record.url.rpartition("/")[2]: record for record in read_table(data)}


def pictures_asked(server) -> list[str]:
    return [unquote(path) for path in server.requests if path.startswith("/images/")]


def test_every_candidate_is_in_the_table_and_every_picture_on_disk(server, arguments, data, capsys):
    assert train.main(arguments) == 0
    records = read_table(data)
    assert len(records) == 5
    for record in records:
        name = record.url.rpartition("/")[2]
        assert (data / record.file).read_bytes() == server.pictures[name]
        assert record.landing_page.startswith(server.url)
        assert record.creator.startswith("Painter")
        assert record.licence == "CC BY 4.0"
        assert (record.width, record.height, record.decision, record.reason) == (64, 48, "", "")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["class", "provider", "found", "fetched", "not", "fetched"]
    counts = [tuple(map(int, line.split()[-2:])) for line in lines[1:]]
    assert [sum(column) for column in zip(*counts, strict=True)] == [5, 5]


def test_a_second_run_asks_for_nothing(server, arguments, data):
    assert train.main(arguments) == 0
    table, asked = (data / "pictures.csv").read_bytes(), len(server.requests)
    assert train.main(arguments) == 0
    assert len(server.requests) == asked
    assert (data / "pictures.csv").read_bytes() == table


def test_what_was_refused_is_counted_by_reason_and_only_the_rest_is_asked_again(
    server, arguments, data, capsys, monkeypatch
):
    monkeypatch.setattr(download, "SILENCE", 0.4)
    monkeypatch.setattr(download, "BYTES", 1_000_000)
    faults = {
        "dog gone.jpg": (status(404), "http 404", "drop"), "dog page.jpg": (instead(b"<html>"), "not an image", "drop"),
        "dog loop.jpg": (redirect("/images/dog%20loop.jpg"), "redirect loop", "drop"),
        "dog private.jpg": (redirect("http://169.254.169.254/"), "private address", "drop"),
        "dog endless.jpg": (endless, "too large", "drop"), "dog cut.jpg": (cut_short, "truncated", ""),
        "dog stalled.jpg": (stall, "stalled", ""), "dog busy.jpg": (once(status(503)), "", ""),
        "dog throttled.jpg": (once(status(429, Retry_After="0")), "", ""),
    }  # fmt: skip
    for seed, (name, (fault, _, _)) in enumerate(faults.items()):
        server.pictures[name], server.faults[name] = picture(100 + seed), fault
    assert train.main(arguments) == 0
    table = by_name(data)
    for name, (_, reason, decision) in faults.items():
        record = table[name]
        assert (record.reason, record.decision, bool(record.file)) == (reason, decision, not reason), name
    said = capsys.readouterr().out
    assert "http 404 1" in said
    assert "stalled (again next time) 1" in said

    server.requests.clear()
    server.faults["dog stalled.jpg"] = server.faults["dog cut.jpg"] = None
    assert train.main(arguments) == 0
    assert sorted(pictures_asked(server)) == ["/images/dog cut.jpg", "/images/dog stalled.jpg"]
    assert by_name(data)["dog stalled.jpg"].file
    assert by_name(data)["dog stalled.jpg"].reason == ""


def test_pictures_that_always_stall_are_no_reason_to_fail(server, arguments, data, monkeypatch):
    monkeypatch.setattr(download, "SILENCE", 0.4)
    stalling = [f"dog {n}.jpg" for n in range(12)]
    for name in stalling:
        server.pictures[name], server.faults[name] = picture(), stall
    for _ in range(2):
        assert train.main(arguments) == 0
        assert {by_name(data)[name].reason for name in stalling} <= {"stalled", "host stalls"}


def test_an_address_of_two_classes_is_fetched_once_and_has_a_row_in_each(server, arguments, data):
    server.pictures["dog with bacon.jpg"] = picture(50)
    server.pictures["dog of kevin bacon, not bacon.jpg"] = picture(51)  # excluded from one class only
    assert train.main(arguments) == 0
    rows = [record for record in read_table(data) if record.url.endswith("dog with bacon.jpg")]
    assert sorted(record.label for record in rows) == ["bacon", "neither"]
    assert len({record.file for record in rows}) == 1
    assert server.asked("dog with bacon.jpg") == 1
    assert [r.label for r in read_table(data) if "kevin" in r.url] == ["neither"]


def test_what_cleaning_decided_stays_decided(server, arguments, data):
    assert train.main(arguments) == 0
    decided = [replace(record, decision="drop", reason="off-topic", score=0.25) for record in read_table(data)]
    write_table(data, decided)
    server.pictures["can 3.jpg"] = picture(60)
    arguments += ["--engine", "openverse"]
    (data / "searches.jsonl").unlink()  # every search is asked again
    assert train.main(arguments) == 0
    new, before = (
        [record for record in read_table(data) if record.url.endswith("can 3.jpg") is found] for found in (True, False)
    )
    assert before == decided
    assert len(new) == 1


def test_a_picture_that_is_gone_from_the_disk_is_fetched_again(server, arguments, data):
    assert train.main(arguments) == 0
    records = read_table(data)
    (data / records[0].file).unlink()
    (data / records[1].file).write_bytes(b"")
    server.requests.clear()
    assert train.main(arguments) == 0
    assert len(server.requests) == 2
    assert read_table(data) == records


def test_lines_cut_short_by_a_kill_are_no_harm(server, arguments, data):
    assert train.main(arguments) == 0
    records = read_table(data)
    for name in ("pictures.csv", "searches.jsonl"):
        path = data / name
        path.write_bytes(path.read_bytes()[:-15])
    assert read_table(data) == records[:-1]
    server.requests.clear()
    assert train.main(arguments) == 0
    assert sorted(r.url for r in read_table(data)) == sorted(r.url for r in records)
    assert len(server.requests) <= 2  # the search and the picture that the cut lines were about


def test_pages_are_asked_for_until_there_is_enough_of_each_term(server, arguments, data, monkeypatch):
    monkeypatch.setattr(scrape, "ENOUGH", 50)
    server.pictures = {
        f"{term} {n}.jpg": picture(n, (8, 8)) for term in ("can", "beer", "bacon", "dog") for n in range(90)
    }
    arguments += ["--engine", "openverse"]
    assert train.main(arguments) == 0
    records = read_table(data)
    assert Counter((r.label, r.query) for r in records) == {
        ("beer can", "can -chicken"): 40, ("beer can", "beer"): 20,  # a page each in turn
        ("bacon", "bacon -kevin"): 60, ("neither", "dog"): 60,
    }  # fmt: skip
    asked = len(server.requests)
    assert train.main(arguments) == 0
    assert len(server.requests) == asked


def same_again(handler, _body, _tries) -> None:
    """A page that has a next one, for ever, and the same picture on each."""
    server = handler.server
    item = {"url": f"{server.url}/images/dog.jpg", "title": "dog"}
    pages = [{"title": "File:dog", "imageinfo": [item]}]
    more = {"gsroffset": len(server.requests)}
    handler.reply(200, json.dumps({
        "page_count": 10**9, "results": [item], "query": {"pages": pages}, "continue": more,
    }).encode())  # fmt: skip


def excluded_again(handler, _body, _tries) -> None:
    """Pages without end, of ever new pictures that the search leaves out."""
    handler.reply(200, json.dumps({
        "page_count": 10**9,
        "results": [{"url": f"http://e.org/{len(handler.server.requests)}/{n}", "title": "Kevin"} for n in range(20)],
    }).encode())  # fmt: skip


def nothing_again(handler, _body, _tries) -> None:
    handler.reply(200, b'{"page_count": 1000000000, "results": [null]}')


def ever_new(handler, _body, _tries) -> None:
    """Pages without end, of ever new pictures."""
    results = [{"url": f"{handler.server.url}/images/dog.jpg?{len(handler.server.requests)}", "title": "dog"}]
    handler.reply(200, json.dumps({"page_count": 10**9, "results": results}).encode())


@pytest.mark.parametrize(
    ("answer", "pages"), [(same_again, 2), (nothing_again, 1), (excluded_again, 3), (ever_new, 60)]
)
def test_a_paging_that_never_ends_is_left(answer, pages, server, arguments, data, monkeypatch):
    monkeypatch.setattr(scrape, "ENOUGH", 60)
    server.answers = dict.fromkeys(["/v1/images/", "/w/api.php"], answer)
    (data.parent / "classes.toml").write_text(
        CLASSES.replace('"bacon -kevin"', '"-kevin bacon"')
        .replace('"can -chicken", "beer"', '"b -kevin"')
        .replace('["dog"]', '["c -kevin"]')
    )
    arguments = arguments[: arguments.index("--commons")] if answer is not same_again else arguments
    train.main(arguments)
    asked = [path for path in server.requests if not path.startswith("/images/")]
    assert len(asked) == pages * 3 * (2 if answer is same_again else 1)
    train.main(arguments)
    assert len([path for path in server.requests if not path.startswith("/images/")]) == len(asked)


def test_odd_answers_are_counted_by_reason_and_the_rest_goes_on(server, arguments, data, capsys):
    results = [None, {"url": 3}, {"url": f"{server.url}/images/dog.jpg", "title": "dog"}, {"url": 4}]
    server.answers["/v1/images/"] = instead(json.dumps({"results": results}).encode())
    train.main(arguments[: arguments.index("--commons")])
    assert "openverse: 12 answers made no sense: url is no text 8, is no object 4" in capsys.readouterr().out
    assert by_name(data)["dog.jpg"].file


def test_a_server_that_makes_no_sense_ends_with_a_sentence(server, arguments, data, capsys):
    server.answers["/v1/images/"] = instead(b'{"results": 5}')
    assert train.main(arguments) == 1
    said = capsys.readouterr().err
    assert f"{server.url} does not answer as an image search does (results is no list)" in said
    assert "Traceback" not in said
    assert len([record for record in read_table(data) if record.file]) == 5  # the other engine went on


def test_a_label_that_was_renamed_takes_what_was_pending_with_it(server, arguments, data):
    server.faults["bacon 1.jpg"] = status(503)
    server.faults["bacon 2.jpg"] = status(404)
    assert train.main(arguments) == 0
    server.faults = {}
    (data.parent / "classes.toml").write_text(CLASSES.replace('label = "bacon"', 'label = "Speck"'))
    assert train.main(arguments) == 0
    rows = {(record.label, record.url.rpartition("/")[2]): record for record in read_table(data)}
    assert rows["Speck", "bacon 1.jpg"].file  # fetched in the same run
    assert ("bacon", "bacon 1.jpg") not in rows
    assert rows["bacon", "bacon 2.jpg"].reason == "http 404"  # final: it is not asked again under the new name either
    assert rows["Speck", "bacon 2.jpg"].decision == "drop"
    assert not [record for record in rows.values() if not record.file and not record.decision]


def test_only_the_servers_named_are_asked(server, arguments, data):
    at = arguments.index("--commons")
    assert train.main(arguments[:at]) == 0
    assert {record.provider for record in read_table(data)} == {"openverse"}
    assert not any(path.startswith("/w/") for path in server.requests)


def test_another_host_may_not_be_private_because_the_server_is(server, arguments, data):
    with SearchServer() as other:
        address = f"http://localhost:{other.server_port}/images/x.jpg"
        server.answers["/v1/images/"] = instead(json.dumps({"results": [{"url": address, "title": "x"}]}).encode())
        train.main(arguments)
        assert by_name(data)["x.jpg"].reason == "private address"
        assert other.requests == []


def test_an_engine_that_fails_is_said_and_the_others_go_on(server, arguments, data, capsys):
    server.answers["/w/api.php"] = status(403)
    assert train.main(arguments) == 1
    said = capsys.readouterr()
    assert f"{server.url} refuses to search for “can -chicken” (http 403: sorry)." in said.err
    assert "found  fetched" in said.out
    assert len([record for record in read_table(data) if record.file]) == 5
    del server.answers["/w/api.php"]
    server.requests.clear()
    assert train.main(arguments) == 0
    assert pictures_asked(server) == []


def test_a_class_of_which_nothing_is_found(server, arguments, capsys):
    for name in ("bacon 1.jpg", "bacon 2.jpg"):
        del server.pictures[name]
    assert train.main(arguments) == 1
    said = capsys.readouterr()
    assert "openverse finds nothing for “bacon -kevin”." in said.err
    assert "Nothing was found for “bacon”. Change its searches" in said.err
    assert any(line.split() == ["bacon", "commons", "0", "0"] for line in said.out.splitlines())


@pytest.mark.parametrize("in_the_way", ["pictures", "pictures.csv.tmp/x"])
def test_a_data_folder_that_cannot_be_written(in_the_way, arguments, data, capsys):
    path = data / in_the_way
    path.parent.mkdir(parents=True)
    path.write_text("in the way")
    assert train.main(arguments) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_who_made_what_is_written_down_for_what_is_used(server, arguments, data):
    server.pictures["bacon [evil](javascript:alert(1)).jpg"] = picture(70)
    server.pictures["bacon gone.jpg"], server.faults["bacon gone.jpg"] = b"", status(404)
    assert train.main(arguments) == 0
    text = (data / "ATTRIBUTION.md").read_text()
    for record in read_table(data):
        assert not record.file or record.file in text
    assert "Painter of can 1.jpg" in text
    assert "licence CC BY 4.0" in text
    assert "bacon gone" not in text
    assert "[evil](" not in text
    (line,) = (line for line in text.splitlines() if "evil" in line)
    page = "bacon%20%5Bevil%5D%28javascript:alert%281%29%29.jpg"
    assert re.findall(r"(?<!\\)\]\(([^)]*)\)", line) == [f"{server.url}/page/{page}"]
    write_attribution(data, [replace(record, decision="drop") for record in read_table(data)])
    assert "Painter" not in (data / "ATTRIBUTION.md").read_text()


@pytest.fixture
def many(server):
    """Enough pictures, and slow enough, that a run can be caught in the middle."""
    for seed in range(120):
        server.pictures[f"dog {seed}.jpg"] = picture(1000 + seed, (16, 16))
    server.latency = 0.05
    return server


def wait_for(number: int, server) -> None:
    """Until so many pictures have been asked for."""
    deadline = time.monotonic() + 60
    while len(pictures_asked(server)) < number:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def start(arguments) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "train.py", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored, where a shell runs tests behind it
    )  # fmt: skip


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_loses_at_most_the_pictures_in_flight(kill, many, arguments, data):
    gate = threading.Event()

    def held(handler, body: bytes, _tries: int) -> None:  # or a fast machine is done before the signal comes
        gate.wait(60)
        handler.reply(200, body)

    for seed in range(110, 120):
        many.faults[f"dog {seed}.jpg"] = held
    run = start(arguments)
    wait_for(60, many)
    run.send_signal(kill)
    _, said = run.communicate(timeout=60)
    gate.set()
    assert run.returncode == (130 if kill == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in said
    assert "Run the same command again" in said or kill == signal.SIGKILL
    assert sum(bool(record.file) for record in read_table(data)) >= 60 - download.AT_ONCE
    assert train.main(arguments) == 0
    assert all(record.file for record in read_table(data))
    assert len(read_table(data)) == 125
    assert 125 <= len(pictures_asked(many)) <= 125 + download.AT_ONCE
    assert not list((data / "pictures").glob(".*"))


def test_a_server_that_dies_halfway_is_said_and_the_next_run_completes(many, arguments, data):
    run = start(arguments)
    wait_for(60, many)
    many.shutdown()
    many.server_close()  # no new connections; those that are open live on in their threads
    for name in many.pictures:
        many.faults[name] = hang_up
    _, said = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "stopped answering" in said or "cannot be asked" in said
    assert "Run the same command again" in said
    assert "Traceback" not in said
    with SearchServer(many.server_port) as again:
        again.pictures = many.pictures
        assert train.main(arguments) == 0
        assert all(record.file for record in read_table(data))
        assert len(read_table(data)) == 125
        assert len(pictures_asked(again)) <= 125 - 60 + download.AT_ONCE
