"""Pictures to click on for a model of other words: of those it was measured on, some that anybody may show."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ...errors import PictureError
from ...files import write_whole
from ...serving.examples import CREDITS, Credit, examples_for, slug
from ...serving.pictures import open_picture
from ..classes import NEITHER, Classes
from ..table import Record, author_of, read_table

EACH = 3  # pictures of a label, and of neither
SIDE = 800  # pixels, the longer one
# Licences under which a picture may be shown, made smaller, by anybody: without -NC (who embeds the page may earn money
# with it) and without -ND (a smaller copy is a change).
NAMELESS = r"(cc0|public domain( mark)?)"  # of these, which may go without a name
FREE = re.compile(rf"({NAMELESS}|cc[ -]by([ -]sa)?)([ -]\d.*)?", re.IGNORECASE)


def write_examples(classes: Classes, data: Path, out: Path, own: Path) -> None:
    """Write out/examples/ with the pictures the model was surest and right about when it had not seen them.

    None are written, and those of an earlier export removed, when `own` has pictures of these labels (the project's
    examples) or no kept picture has a licence that lets it be shown.
    """
    folder = out / "examples"
    chosen = [] if examples_for(classes.labels, own) else list(choose(classes, data))
    files: dict[str, bytes] = {}
    credited: list[Credit] = []
    for record, credit in chosen:
        try:
            picture = open_picture(data / record.file, keep=SIDE)
        except PictureError:
            continue
        picture.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=80, comment=b"")
        files[credit.file] = buffer.getvalue()
        credited.append(credit)
    for name in written(folder) - set(files):
        (folder / name).unlink(missing_ok=True)
    if not files:
        (folder / CREDITS).unlink(missing_ok=True)
        return
    # first, since it says which files of the folder are ours to replace
    write_whole(folder / CREDITS, json.dumps({"pictures": [asdict(credit) for credit in credited]}, indent=1) + "\n")
    for name, content in files.items():
        write_whole(folder / name, content)
    print(f"export: {len(files)} examples, each with who made it, are in {folder}/.")


def written(folder: Path) -> set[str]:
    """The files of an earlier export's examples: those it says it wrote, and no others."""
    try:
        told = json.loads((folder / CREDITS).read_text(encoding="utf-8"))["pictures"]
        return {Path(entry["file"]).name for entry in told}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def choose(classes: Classes, data: Path) -> Iterator[tuple[Record, Credit]]:
    """Kept pictures that anybody may show, those least doubted when held out first: EACH of a label, a creator once."""
    records = {record.sha256: record for record in read_table(data) if record.decision == "keep" and record.file}
    taken: Counter[str] = Counter()
    authors: set[str] = set()
    for sha256 in surest(data):
        record = records.get(sha256)
        if record is None or record.label not in (*classes.labels, NEITHER) or taken[record.label] == EACH:
            continue
        free = FREE.fullmatch(record.licence.strip())
        named = record.creator or re.match(NAMELESS, record.licence, re.IGNORECASE)
        if not free or not named or author_of(record) in authors:
            continue
        taken[record.label] += 1
        authors.add(author_of(record))
        name = f"{slug(record.label)}_{taken[record.label]}.jpg"
        yield record, Credit(name, record.title, record.creator, record.licence, record.landing_page)


def surest(data: Path) -> list[str]:
    """The pictures of the last fit, by their held-out loss: sha256, the least first."""
    try:
        with (data / "fit" / "losses.csv").open(newline="", encoding="utf-8") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: (float(row["loss"]), row["sha256"]))
    except FileNotFoundError:
        return []
    return [row["sha256"] for row in rows]
