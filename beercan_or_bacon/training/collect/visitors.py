"""Pictures that visitors say were judged wrong -> the review queue: a person decides, then they are training pictures.

They come as the pages keep them: a folder, a ZIP or a data set on the Hub with `wrong*.csv` (file, right) and the
pictures it names. None of it is trusted: what is named has to lie inside, is read up to a limit and opened as a scraped
picture is, and gets its content's hash for a name.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...errors import DataError
from ...files import write_whole
from ..classes import NEITHER, Classes
from ..table import SEVERAL, VISITOR, Record, read_table, write_table
from .download import BYTES, Rejection, inspect
from .web import TryAgain

MOST = 5000  # pictures of one source
TABLE_BYTES = 5_000_000
CREATOR = "a visitor of the page"  # one source: who sends one picture may send its neighbours


@dataclass(frozen=True)
class Wrong:
    """Somewhere with such pictures. tables: the names of its wrong*.csv; read: a name and a limit -> its bytes.

    `read` raises DataError for what is not there, not a plain file, or larger than the limit.
    """

    tables: list[str]
    read: Callable[[str, int], bytes]


def take_in(classes: Classes, data: Path, source: str) -> int:
    """Put the pictures of a folder, a ZIP or USER/REPO into data/pictures.csv, for review; how many are new.

    Raises DataError when there is nothing of the kind.
    """
    records = read_table(data)
    known = {record.sha256 for record in records if record.file}
    added, refused = [], Counter[str]()
    with open_source(source) as wrong:
        for name, right in said(wrong):
            try:
                record = picture_of(classes, data, wrong.read(name, BYTES), right)
            except (DataError, Rejection, TryAgain) as error:
                refused[getattr(error, "reason", None) or str(error)] += 1
                continue
            if record.sha256 in known:
                refused["here already"] += 1
                continue
            known.add(record.sha256)
            added.append(record)
    write_table(data, [*records, *added])
    left_out = "".join(f"\n  left out: {count} {reason}" for reason, count in refused.most_common())
    print(f"{len(added)} pictures of visitors wait for your decision.{left_out}")
    return len(added)


def picture_of(classes: Classes, data: Path, content: bytes, right: str) -> Record:
    """Check a picture, give it its name, and note what the visitor proposes."""
    labels = [label for label in classes.labels if right in (label, "both") or label in right.split(" and ")]
    if right == NEITHER:
        labels = [NEITHER]
    if not labels:
        raise Rejection("under a word that is none of ours")
    sha256 = hashlib.sha256(content).hexdigest()
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        extension, width, height = inspect(Path(file.name))
    name = f"pictures/{sha256}.{extension}"
    if not (data / name).exists():
        write_whole(data / name, content)
    return Record(
        label=SEVERAL.join(labels), query="a visitor's word", provider=VISITOR, url=f"visitor:{sha256}",
        creator=CREATOR, title=f"a visitor says: {right}", file=name, sha256=sha256, bytes=len(content), width=width,
        height=height, decision="drop", reason="not decided yet", score=0.5,
    )  # fmt: skip


def said(wrong: Wrong) -> Iterator[tuple[str, str]]:
    """(file, what the visitor says it is) of every line, each file once, at most MOST."""
    seen: set[str] = set()
    for table in wrong.tables:
        text = wrong.read(table, TABLE_BYTES).decode("utf-8-sig", errors="replace")
        try:
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
        except csv.Error as error:
            raise DataError(f"{table} cannot be read as a table ({error}).") from None
        for row in rows:
            name, right = row.get("file"), row.get("right")
            if name and right and name not in seen and len(seen) < MOST:
                seen.add(name)
                yield name, right.strip()


@contextmanager
def open_source(source: str) -> Iterator[Wrong]:
    """A folder, a ZIP, or a data set on the Hub, to read from."""
    path = Path(source)
    if path.is_dir():
        yield in_folder(path)
    elif path.is_file():
        try:
            with zipfile.ZipFile(path) as archive:
                yield in_zip(archive, source)
        except zipfile.BadZipFile:
            raise DataError(f"{source} is neither a folder nor a ZIP.") from None
    elif re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", source):
        with tempfile.TemporaryDirectory() as folder:
            yield in_folder(download(source, Path(folder)))
    else:
        raise DataError(f"There is no folder or ZIP {source}, and it is no USER/REPO on the Hub.")


def download(repo: str, folder: Path) -> Path:
    """A data set's tables and pictures, from the Hub."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        patterns = ["wrong*.csv", "pictures/*.jpg"]
        snapshot_download(repo, repo_type="dataset", local_dir=folder, allow_patterns=patterns)
    except (HfHubHTTPError, OSError) as error:
        raise DataError(f"The data set {repo} could not be fetched: {str(error).splitlines()[0]}") from None
    return folder


def in_folder(folder: Path) -> Wrong:
    """A folder's."""

    def read(name: str, limit: int) -> bytes:
        path = folder / inside(name)
        if path.resolve() != folder.resolve() / inside(name) or not path.is_file():  # no links, no devices
            raise DataError("not there")
        with path.open("rb") as file:
            return bounded(file.read(limit + 1), limit)

    tables = sorted(path.name for path in folder.glob("wrong*.csv"))
    if not tables:
        raise DataError(f"{folder} holds no wrong.csv.")
    return Wrong(tables, read)


def in_zip(archive: zipfile.ZipFile, source: str) -> Wrong:
    """A ZIP's; sizes are counted while unpacking, whatever its directory says."""

    def read(name: str, limit: int) -> bytes:
        try:
            with archive.open(str(inside(name))) as file:
                return bounded(file.read(limit + 1), limit)
        except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
            raise DataError("not there, or damaged") from None

    tables = sorted(name for name in archive.namelist() if re.fullmatch(r"wrong[\w-]*\.csv", name))
    if not tables:
        raise DataError(f"{source} holds no wrong.csv.")
    return Wrong(tables, read)


def inside(name: str) -> PurePosixPath:
    """A relative path that leads nowhere else."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise DataError("outside of what was given")
    return path


def bounded(content: bytes, limit: int) -> bytes:
    """The content, if it is not larger than the limit."""
    if len(content) > limit:
        raise DataError("too large")
    return content
