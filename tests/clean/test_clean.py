"""The clean stage: what belongs is kept, what does not is dropped with a reason, and a person is obeyed."""

import csv
import io
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image, ImageDraw

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.classes import NEITHER, Classes
from beercan_or_bacon.training.clean import decide as stage
from beercan_or_bacon.training.clean import embeddings
from beercan_or_bacon.training.clean.decide import clean, grouped, judge
from beercan_or_bacon.training.clean.desk import image_html
from beercan_or_bacon.training.clean.embeddings import Look, look_at
from beercan_or_bacon.training.table import Record, append_review, read_table, write_table

CHANNELS = 48
THUMBNAIL = embeddings.thumbnail(Image.effect_noise((96, 72), 80))
THREE = Classes(("teapot", "cake", "spoon"), dict.fromkeys(("teapot", "cake", "spoon", NEITHER), ("x",)), "Tea", "")


def look(centre: np.ndarray, noise: np.random.Generator) -> Look:
    """What the network would see of a picture of that kind."""
    grid = (centre + noise.normal(0, 1.2, (3, 3, CHANNELS)) + noise.normal(0, 0.4, CHANNELS)).astype(np.float16)
    whole = grid.mean((0, 1))
    return Look(
        grid=grid, peak=grid.max((0, 1)), middle=np.stack([whole, grid.max((0, 1))]),
        hashes=noise.random((11, 8, 8)) > 0.5, plain=noise.normal(0, 1, 3).astype(np.float32), contrast=50.0,
        thumbnail=THUMBNAIL,
    )  # fmt: skip


def noisy_search(junk: float) -> tuple[list[Record], dict[str, Look], list[str]]:
    """Three classes of 60 pictures found, of which that share shows something else, and 150 searched as neither.

    Returns the records, their looks and what each really shows.
    """
    noise = np.random.default_rng(0)
    centres = {name: noise.normal(0, 1, CHANNELS) for name in ("teapot", "cake", "spoon", "cat", "logo", "street")}
    records, looks, truth = [], {}, []
    for label, count in (("teapot", 60), ("cake", 60), ("spoon", 60), (NEITHER, 150)):
        for index in range(count):
            other = index < junk * count or label == NEITHER
            shows = noise.choice(["cat", "logo", "street"]) if other else label
            name = f"{label}-{index}"
            looks[name] = look(centres[shows], noise)
            records.append(
                Record(
                    label,
                    label,
                    "test",
                    f"http://example.org/{name}",
                    creator=f"{label}{index // 3}",
                    file=f"pictures/{name}.jpg",
                    sha256=name,
                    bytes=9000,
                    width=320,
                    height=240,
                )
            )
            truth.append("junk" if other else shows)
    return records, looks, truth


@pytest.mark.parametrize("junk", [0.1, 0.4])
def test_three_classes_with_up_to_40_percent_of_noise(junk):
    records, looks, truth = noisy_search(junk)
    judged = judge(THREE, records, looks)
    for label in THREE.labels:
        mine = [(r, shows) for r, shows in zip(judged, truth, strict=True) if r.label == label]
        dropped = [r.decision == "drop" for r, shows in mine if shows == "junk"]
        lost = [r.decision == "drop" for r, shows in mine if shows == label]
        assert np.mean(dropped) >= 0.8
        assert np.mean(lost) <= 0.05
    assert all(r.decision in ("keep", "drop") and 0 <= r.score <= 1 for r in judged)
    assert all((r.decision == "drop") == bool(r.reason) for r in judged)


def test_what_is_wrong_with_a_picture_whatever_it_shows():
    records, looks, _ = noisy_search(0.1)
    records[-1] = replace(records[-1], width=30)
    records[-2] = replace(records[-2], width=2000, height=100)
    looks[records[-3].sha256] = replace(looks[records[-3].sha256], contrast=0.5)
    del looks[records[-4].sha256]
    judged = judge(THREE, records, looks)
    assert [r.reason for r in judged[-4:]] == ["unreadable", "blank", "odd shape", "too small"]
    assert {r.decision for r in judged[-4:]} == {"drop"}


def test_copies_and_the_same_picture_under_two_labels():
    records, looks, _ = noisy_search(0)
    larger = replace(records[5], sha256="larger", url="http://example.org/larger", width=640, height=480)
    again = replace(records[70], url="http://example.org/again")
    elsewhere = replace(records[130], label=NEITHER)
    looks["larger"] = looks[records[5].sha256]
    judged = judge(THREE, [*records, larger, again, elsewhere], looks)
    assert (judged[5].reason, judged[-3].decision) == ("near duplicate", "keep")
    assert {judged[70].decision, judged[-2].decision} == {"keep", "drop"}
    assert "exact duplicate" in (judged[70].reason, judged[-2].reason)
    assert (judged[130].decision, judged[-1].reason) == ("keep", "two classes")


def test_a_person_wins_over_everything():
    records, looks, truth = noisy_search(0.2)
    junk = truth.index("junk")
    good = truth.index("teapot")
    records[junk] = replace(records[junk], decision="keep", reason="review", score=1.0, reviewed=True)
    records[good] = replace(records[good], decision="drop", reason="review", score=0.0, reviewed=True)
    judged = judge(THREE, records, looks)
    assert judged[junk] == records[junk]
    assert judged[good] == records[good]


@pytest.fixture
def data(tmp_path):
    """Drawn pictures on disk: discs, stripes and noise, one of them not a picture."""
    (tmp_path / "pictures").mkdir()
    noise = np.random.default_rng(1)
    records = []
    for label, count in (("beer can", 6), ("bacon", 6), (NEITHER, 8)):
        for index in range(count):
            picture = Image.fromarray(noise.integers(90, 160, (120, 160, 3), np.uint8))
            draw = ImageDraw.Draw(picture)
            x, y = noise.integers(20, 60, 2)
            if label == "beer can":
                draw.ellipse((x, y, x + 60, y + 50), fill=(20, 40, 200))
            elif label == "bacon":
                for step in range(0, 60, 12):
                    draw.rectangle((x, y + step, x + 90, y + step + 5), fill=(210, 40, 30))
            path = tmp_path / "pictures" / f"{label}{index}.jpg"
            picture.save(path)
            records.append(Record(label, label, "test", f"http://example.org/{path.name}", creator=path.stem,
                                  file=f"pictures/{path.name}", sha256=sha256(path.read_bytes()).hexdigest(),
                                  bytes=path.stat().st_size, width=160, height=120))  # fmt: skip
    (tmp_path / records[-1].file).write_bytes(b"<html>not a picture</html>")
    write_table(tmp_path, records)
    return tmp_path


@pytest.fixture
def classes():
    return Classes(("beer can", "bacon"), {"beer can": ("a",), "bacon": ("b",), NEITHER: ("c",)}, "Which?", "")


def test_the_stage_from_files_to_table_and_page(classes, data, capsys, monkeypatch):
    clean(classes, data)
    judged = read_table(data)
    assert all(record.decision for record in judged)
    assert judged[-1].reason == "unreadable"
    page = (data / "clean.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == len(judged) - 1
    assert "http://" not in page
    assert "unreadable" in capsys.readouterr().out

    # nothing new: no work; a decision: work, without looking at any picture again
    clean(classes, data)
    assert "nothing has changed" in capsys.readouterr().out
    kept = next(record for record in judged if record.decision == "keep")
    append_review(data, kept.sha256, kept.label, "drop")

    def looked_again():
        raise AssertionError("a picture was looked at twice")

    monkeypatch.setattr(embeddings, "Network", looked_again)
    (data / judged[-1].file).unlink()
    write_table(data, [record for record in read_table(data) if record.reason != "unreadable"])
    clean(classes, data)
    after = {record.url: record for record in read_table(data)}
    assert (after[kept.url].decision, after[kept.url].reason) == ("drop", "review")
    with (data / "pictures.csv").open(newline="") as file:
        assert {row["reason"] for row in csv.DictReader(file)} >= {"review"}


def test_other_words_in_between_do_not_pass_for_the_same(classes, data, capsys):
    clean(classes, data)
    first = read_table(data)
    assert {record.decision for record in first} == {"keep", "drop"}
    other = Classes(("bacon", "photo"), {"bacon": ("b",), "photo": ("c",), NEITHER: ("a",)}, "Which?", "")
    write_table(data, [replace(r, label="photo") if r.label == NEITHER else r for r in read_table(data)])
    clean(other, data)
    assert [record.decision for record in read_table(data)] != [record.decision for record in first]
    write_table(data, [replace(r, label=NEITHER) if r.label == "photo" else r for r in read_table(data)])
    capsys.readouterr()
    clean(classes, data)
    assert "nothing has changed" not in capsys.readouterr().out
    assert read_table(data) == first


def test_decisions_that_it_did_not_make_are_made_again(classes, data):
    clean(classes, data)
    first = read_table(data)
    write_table(data, [replace(record, decision="drop", reason="off-topic") for record in first])
    clean(classes, data)
    assert read_table(data) == first


def test_what_was_seen_is_kept_whole(data):
    files = {record.sha256: record.file for record in read_table(data)[:3]}
    first = look_at(data, files)
    again = look_at(data, files)
    assert list(first) == list(files)
    for name, seen in first.items():
        for field in vars(seen):
            np.testing.assert_array_equal(getattr(seen, field), getattr(again[name], field))
    assert first[next(iter(first))].grid.shape == (3, 3, 1280)


def test_without_pictures_it_says_what_to_do(classes, tmp_path):
    with pytest.raises(DataError, match=r"train.py scrape"):
        clean(classes, tmp_path)


def test_a_class_of_nothing_of_its_own():
    records, looks, _ = noisy_search(0)
    with pytest.raises(DataError, match="spoon"):
        judge(THREE, [record for record in records if record.label != "spoon"], looks)


def test_a_class_whose_pictures_were_all_found_as_another_too():
    records, looks, _ = noisy_search(0)
    twins = [replace(r, label="cake", url=f"{r.url}/twin") for r in records if r.label == "spoon"]
    with pytest.raises(DataError, match="found as spoon alone"):
        judge(THREE, [*records, *twins], looks)


def test_what_shows_a_class_is_what_the_best_tenth_of_it_shows():
    records, looks, _ = noisy_search(0.2)
    found_as, seen = [[record] for record in records], [looks[record.sha256] for record in records]
    evidence = stage.weigh(THREE, found_as, seen, np.arange(len(records)))
    for label in THREE.labels:
        kept = evidence.searched[label] & (evidence.belongs[label] >= 0.5)
        assert 40 <= kept.sum() <= 50  # of 60, of which 48 show it
        assert np.mean(evidence.shows[label][kept] >= 0.5) == pytest.approx(0.1, abs=0.03)
        assert not (evidence.shows[label] >= 0.5)[~evidence.searched[label]].any()


def test_a_drawing_of_the_class_is_dropped_as_one():
    records, looks, _ = noisy_search(0)
    drawn = np.random.default_rng(1).normal(0, 1.5, CHANNELS)  # what all drawings have in common
    sketched = [0, 1, *(n for n, record in enumerate(records) if record.label == NEITHER and n % 4 == 0)]
    for n in sketched:
        seen = looks[records[n].sha256]
        grid = (seen.grid + drawn).astype(np.float16)
        middle = np.stack([grid.mean((0, 1)), grid.max((0, 1))])
        looks[records[n].sha256] = replace(seen, grid=grid, peak=grid.max((0, 1)), middle=middle, plain=seen.plain + 9)
    judged = judge(THREE, records, looks)
    assert [(r.decision, r.reason) for r in judged[:2]] == [("drop", "drawing")] * 2
    assert all(record.score < 0.5 for record in judged[:2])
    assert not [r for n, r in enumerate(judged) if r.reason == "drawing" and n not in sketched]


def test_the_summary_counts_every_picture(data):
    text = stage.summary([replace(record, decision="drop", reason="blank") for record in read_table(data)])
    assert sum(int(word) for word in text.split() if word.isdigit()) == 20


def test_the_spellings_of_one_creator_vouch_for_each_other_no_more_than_one():
    by = [
        Record("cake", "cake", "test", f"http://e.org/{n}", creator=who)
        for n, who in enumerate(["Ann Lee", "ann  lee ", "Bob"])
    ]
    one, same, other = grouped(np.arange(3), [[record] for record in by])
    assert one == same != other


def test_a_gif_with_a_long_comment_is_looked_at_like_any_other(tmp_path):
    """Pillow would copy the comment into the JPEG that it writes, where 65,533 bytes are the most."""
    (tmp_path / "pictures").mkdir()
    path = tmp_path / "pictures" / "a.gif"
    Image.effect_noise((120, 90), 60).save(path, comment=b"x" * 70_000)
    assert len(Image.open(path).info["comment"]) == 70_000
    small = embeddings.thumbnail(open_picture(path))
    assert "comment" not in Image.open(io.BytesIO(small.tobytes())).info
    assert set(look_at(tmp_path, {"a": "pictures/a.gif"})) == {"a"}
    shown = image_html(tmp_path, Record("cake", "cake", "test", "http://e.org/a", file="pictures/a.gif"), 100, "a")
    assert shown.startswith("<img")
