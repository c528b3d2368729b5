"""python train.py review, in a real browser: what a person decides is on the disk at once and always wins."""

import csv
import os
import re
import signal
import socket
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.clean.desk import Desk, choices, doubts
from beercan_or_bacon.training.table import Record, append_review, read_reviews, read_table, write_table

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=60_000)  # ms; how long to wait on a busy machine, not how long it takes


@pytest.fixture
def data(tmp_path):
    """Four pictures a clean run has decided about, from doubtful (a) to sure (d)."""
    folder = tmp_path / "data"
    (folder / "pictures").mkdir(parents=True)
    noise = np.random.default_rng(0)
    records = []
    decisions = [("bacon", "keep", "", 0.51), ("bacon", "drop", "off-topic", 0.42), ("beer can", "keep", "", 0.9),
                 ("neither", "keep", "", 0.99)]  # fmt: skip
    for name, (label, decision, reason, score) in zip("abcd", decisions, strict=True):
        path = folder / "pictures" / f"{name}.png"
        Image.fromarray(noise.integers(0, 255, (64, 96, 3), np.uint8)).save(path)
        digest = sha256(path.read_bytes()).hexdigest()
        records.append(Record(label, label, "test", f"http://example.org/{name}", title=f"picture {name}",
                              file=f"pictures/{name}.png", sha256=digest, bytes=path.stat().st_size, width=96,
                              height=64, decision=decision, reason=reason, score=score))  # fmt: skip
    write_table(folder, records)
    return folder


@pytest.fixture
def classes(words):
    return load_classes(words)


@pytest.fixture
def serve(data, words):
    """serve() -> the address of a review page in a process of its own, and the process."""
    started = []

    def serve():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        process = subprocess.Popen(
            [sys.executable, "-u", "train.py", "review", "--data", str(data), "--classes", str(words)], cwd=ROOT,
            env={**os.environ, "GRADIO_SERVER_PORT": port, "GRADIO_ANALYTICS_ENABLED": "False"}, text=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                return found[0], process
        raise AssertionError("the review page did not start")

    yield serve
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def by_title(data):
    return {record.title[-1]: record for record in read_table(data)}


def test_decisions_by_key_and_click_survive_kill_9(data, serve, browser):
    address, process = serve()
    page = browser.new_page()
    page.goto(address)
    expect(page.get_by_text("picture a")).to_be_visible()
    expect(page.get_by_text("2 doubtful pictures left, 4 in all")).to_be_visible()
    page.keyboard.press("d")
    expect(page.get_by_text("picture b")).to_be_visible()
    page.get_by_role("button", name="It is beer can (1)").click()
    expect(page.get_by_text("picture c")).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_text("picture d")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("picture c")).to_be_visible()
    process.send_signal(signal.SIGKILL)
    process.wait()

    after = by_title(data)
    assert (after["a"].decision, after["a"].reason) == ("drop", "review")
    assert (after["b"].label, after["b"].decision, after["b"].reason) == ("beer can", "keep", "review")
    assert after["c"].reason == ""

    address, _ = serve()
    page.goto(address)
    expect(page.get_by_text("picture c")).to_be_visible()
    expect(page.get_by_text("0 doubtful pictures left, 2 in all")).to_be_visible()
    page.close()


def test_no_later_writing_of_the_table_loses_a_decision(data):
    before = by_title(data)
    append_review(data, before["a"].sha256, "neither", "keep")
    write_table(data, before.values())  # a stage that has read the table earlier, and decides for itself
    assert (by_title(data)["a"].label, by_title(data)["a"].decision) == ("neither", "keep")
    write_table(data, read_table(data))
    append_review(data, before["a"].sha256, "bacon", "")
    assert (by_title(data)["a"].label, by_title(data)["a"].decision) == ("bacon", "")


def test_one_record_of_a_picture_found_twice_is_kept(data):
    first = by_title(data)["a"]
    twin = Record("neither", "food", "test", "http://example.org/a", file=first.file, sha256=first.sha256)
    write_table(data, [first, twin])
    append_review(data, first.sha256, "neither", "keep")
    assert [(r.label, r.decision) for r in read_table(data)] == [("bacon", "drop"), ("neither", "keep")]
    append_review(data, first.sha256, "beer can", "keep")
    assert sorted(r.decision for r in read_table(data)) == ["drop", "keep"]


def test_a_picture_is_kept_under_several_labels(data, classes):
    first = by_title(data)["a"]
    twin = Record("neither", "food", "test", "http://example.org/twin", file=first.file, sha256=first.sha256)
    write_table(data, [*read_table(data), twin])
    desk = Desk(classes, data)
    seen = desk.current().record

    def labels():
        return sorted((r.label, r.decision) for r in read_table(data) if r.sha256 == first.sha256)

    desk.decide(seen.sha256, choices(classes)["both"], "keep")
    both = [("bacon", "keep"), ("beer can", "keep"), ("neither", "drop")]
    assert labels() == both
    write_table(data, read_table(data))  # as every later stage does
    assert labels() == both
    desk.undo()
    assert labels() == [("bacon", ""), ("neither", "")]
    desk.decide(seen.sha256, "neither", "keep")
    assert labels() == [("bacon", "drop"), ("beer can", "drop"), ("neither", "keep")]


def test_a_line_cut_short_is_no_decision_and_spoils_no_other(data):
    a, b = by_title(data)["a"], by_title(data)["b"]
    append_review(data, a.sha256, "bacon", "drop")
    with (data / "reviews.csv").open("a") as file:
        file.write(f"{b.sha256},bac")
    append_review(data, a.sha256, "bacon", "keep")
    reviews = read_reviews(data)
    assert {sha: review.decision for sha, review in reviews.items()} == {a.sha256: "keep"}


def test_a_second_press_of_a_key_is_not_for_the_next_picture(classes, data):
    desk = Desk(classes, data)
    seen = desk.current().record.sha256
    desk.decide(seen, "bacon", "drop")
    desk.decide(seen, "bacon", "drop")
    assert len(read_reviews(data)) == 1
    assert len(desk.left) == 3


def test_undo_restores_an_earlier_decision(classes, data):
    desk = Desk(classes, data)
    record = desk.current().record
    desk.decide(record.sha256, "neither", "keep")
    desk.undo()
    assert desk.current().record == record
    assert by_title(data)["a"] == record
    desk.undo()  # nothing to take back


def test_what_the_fit_was_surprised_by_comes_first(data):
    (data / "fit").mkdir()
    d = by_title(data)["d"]
    with (data / "fit" / "losses.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["sha256", "label", "loss"], [d.sha256, "neither", "2.5"],
                                    [by_title(data)["c"].sha256, "beer can", "0.1"]])  # fmt: skip
    assert [doubt.record.title[-1] for doubt in doubts(data)] == ["d", "a", "b", "c"]


def test_nothing_to_look_at_is_a_sentence(classes, tmp_path):
    with pytest.raises(DataError, match=r"train.py clean"):
        Desk(classes, tmp_path)
