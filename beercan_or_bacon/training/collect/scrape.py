"""The scrape stage: search, and download what is found while the search goes on.

Two files in the data folder remember it all: pictures.csv has a row for every candidate, searches.jsonl a line for
every page of answers. Both are appended to as things happen, so that a run that is stopped or killed loses no more
than the pictures in flight, and the next one goes on from there: it asks for nothing again that came or was refused
for good.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from ...errors import DataError, SearchError
from ..attribution import write_attribution
from ..classes import NEITHER, Classes
from ..table import Record, append_rows, read_table, write_table
from .download import LOST, UNREACHABLE, Downloader, Rejection
from .search import ENGINES, SERVERS, Page, Server, new_session

# Candidates of one class from one engine; of neither, as many like each class and as many like none. With the project's
# own words that is some 400 pages of Openverse, which allows 200 a day without a key.
ENOUGH = 1500


def scrape(
    classes: Classes,
    data: Path,
    *,
    openverse: str | None = None,
    commons: str | None = None,
    engines: Iterable[str] = (),
) -> None:
    """Bring data/pictures.csv and data/pictures/ up to date with the searches in classes.toml.

    openverse, commons: another server for that API; only the servers named are searched then, and pictures on a named
    server's host may be private. engines: which to search instead ("openverse", "commons", "bing", "duckduckgo").
    Prints a table of what was found, fetched and rejected, and writes data/ATTRIBUTION.md.
    Raises SearchError when something that should have been asked could not be; what could be had is there then, and
    another run completes it.
    """
    named = {name: url.rstrip("/") for name, url in (("openverse", openverse), ("commons", commons)) if url}
    servers = {name: named.get(name, SERVERS.get(name, name)) for name in engines or named or SERVERS}
    hosts = frozenset(urlsplit(url).hostname or "" for url in named.values())
    try:
        stage = Scrape(classes, Path(data), servers, hosts)
        try:
            asyncio.run(stage.run())
        finally:
            records = in_order(classes, stage.records.values())
            write_table(data, records)
            write_attribution(data, records)
    except* OSError as errors:
        raise DataError(f"{data} cannot be written ({errors.exceptions[0]}).") from None
    print(summary(stage.records.values(), [(label, name) for label in classes.searches for name in servers]))
    for name, odd in stage.odd.items():
        reasons = ", ".join(f"{reason} {count}" for reason, count in odd.most_common())
        print(f"{name}: {odd.total()} answers made no sense: {reasons}")
    if stage.troubles:
        again = "Run the same command again, or go on with what is there: python train.py clean"
        raise SearchError("\n".join([*dict.fromkeys(stage.troubles), again]))
    for label in classes.searches:
        if not any(record.label == label for record in stage.records.values()):
            raise SearchError(f"Nothing was found for “{label}”. Change its searches in the file of classes.")


@dataclass(frozen=True)
class Search:
    """One search term at one server for one class."""

    provider: str
    server: str
    label: str
    query: str


class Scrape:
    """One run of the stage. records: (label, url) -> Record; troubles: sentences about what could not be asked.

    odd: provider -> why some of its answers were left out -> how many.
    The same address found twice for one class is one candidate. Found for two classes it is two, because what it shows
    is for the cleaning to say, but it is fetched once.
    """

    def __init__(self, classes: Classes, data: Path, servers: dict[str, str], named: frozenset[str]):
        self.classes, self.data, self.servers, self.named = classes, data, servers, named
        records = [present(record, data) for record in read_table(data)]
        # what is pending under a label that is searched no more is nobody's; its new label finds it again
        records = [r for r in records if r.file or r.decision or r.label in classes.searches]
        self.records = {(record.label, record.url): record for record in records}
        self.troubles: list[str] = []
        self.odd: dict[str, Counter[str]] = defaultdict(Counter)
        self.by_url: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for key in self.records:
            self.by_url[key[1]].append(key)
        self.cursors = read_searches(data)
        write_table(data, self.records.values())

    async def run(self) -> None:
        """Search and download until there is nothing left to ask."""
        pending = {r.url for r in self.records.values() if self._pending(r)}
        with (
            tqdm(desc="searching", unit="search", total=0, position=0) as self.searching,
            tqdm(desc="pictures", unit="picture", total=0, position=1) as self.pictures,
        ):
            async with Downloader(self.data, self.named) as self.downloader, asyncio.TaskGroup() as self.tasks:
                for url in pending:
                    self._start(url)
                for provider, server in self.servers.items():
                    self.tasks.create_task(self._search(provider, server))
        self._note_lost_hosts()

    def _pending(self, record: Record) -> bool:
        return not record.file and not record.decision and record.label in self.classes.searches

    async def _search(self, provider: str, url: str) -> None:
        """All searches at one server, class by class, the class's terms in turn a page each, until it has enough."""
        async with new_session(urlsplit(url).hostname in self.named) as session:
            server = Server(url, session, say)
            for label, queries in self.classes.searches.items():
                searches = deque(Search(provider, url, label, query) for query in queries)
                self.searching.total += len(searches)
                found = sum(r.label == label and r.provider == provider for r in self.records.values())
                sides = {group.like for group in self.classes.groups} if label == NEITHER else {label}
                enough = ENOUGH * max(len(sides), 1)
                offered: dict[Search, set[str]] = defaultdict(set)
                while searches and found < enough:
                    search = searches.popleft()
                    cursor = self.cursors.get(search, 0)
                    if cursor is None:
                        self.searching.update()
                        continue
                    try:
                        page = await ENGINES[provider](server, search.query, cursor)
                    except SearchError as error:
                        self.troubles.append(str(error))
                        return
                    if not page.candidates and page.next is None and not cursor:
                        say(f"{provider} finds nothing for “{search.query}”.")
                    before = len(offered[search])
                    offered[search] |= page.offered
                    if not before < len(offered[search]) < enough:  # it repeats itself, or has no end
                        page = replace(page, next=None)
                    if page.odd:
                        self.odd[provider].update(page.odd)
                    found += self._add(search, page)
                    searches.append(search)
                self.searching.update(len(searches))

    def _add(self, search: Search, page: Page) -> int:
        """Remember a page of answers and start fetching what is new; the number of new candidates."""
        new = []
        for candidate in page.candidates:
            url = candidate.url.partition("#")[0]
            key = search.label, url
            if key in self.records:
                continue
            others = [self.records[other] for other in self.by_url[url]]
            self.by_url[url].append(key)
            record = Record(
                search.label, search.query, search.provider, url, candidate.landing_page, candidate.creator,
                candidate.licence, candidate.title,
            )  # fmt: skip
            known = next((other for other in others if other.file or other.reason), None)
            if known:
                record = replace(record, **outcome_of(known))
            self.records[key] = record
            new.append(record)
            if not others:
                self._start(url)
        append_rows(self.data, new)
        self.cursors[search] = page.next
        note_search(self.data, search, page.next)
        return len(new)

    def _start(self, url: str) -> None:
        self.pictures.total += 1
        self.tasks.create_task(self._fetch(url))

    async def _fetch(self, url: str) -> None:
        try:
            outcome = asdict(await self.downloader.fetch(url)) | {"reason": ""}
        except Rejection as rejection:
            outcome = {"decision": "drop" if rejection.final else "", "reason": rejection.reason}
        changed = [key for key in self.by_url[url] if not self.records[key].file and not self.records[key].decision]
        for key in changed:
            self.records[key] = replace(self.records[key], **outcome)
        append_rows(self.data, [self.records[key] for key in changed])
        self.pictures.update()

    def _note_lost_hosts(self) -> None:
        """Say which hosts that had pictures for us, or were named, stopped answering, and how many are left to fetch.

        A host that never gave anything is a dead link in the search results, and one that stalls may do so with the
        same pictures every time: both are in the table, and nobody's trouble.
        """
        gave = {urlsplit(r.url).netloc for r in self.records.values() if r.file}
        left: Counter[str] = Counter()
        for record in filter(self._pending, self.records.values()):
            host = urlsplit(record.url)
            named = host.hostname in self.named
            if (record.reason == LOST and (named or host.netloc in gave)) or (record.reason == UNREACHABLE and named):
                left[host.netloc] += 1
        for name, count in left.items():
            self.troubles.append(f"{name} stopped answering: {count} pictures are left.")


def in_order(classes: Classes, records: Iterable[Record]) -> list[Record]:
    """Records by label and address: what is made of them is the same, in whatever order they came."""
    place = {label: number for number, label in enumerate(classes.searches)}
    return sorted(records, key=lambda record: (place.get(record.label, len(place)), record.label, record.url))


def say(sentence: str) -> None:
    """Tell the person at the terminal without tearing the progress bars."""
    tqdm.write(sentence, file=sys.stderr)


def present(record: Record, data: Path) -> Record:
    """The record, or when its file is gone or not what it was, one that is to be fetched again."""
    if not record.file:
        return record
    try:
        if (data / record.file).stat().st_size == record.bytes:
            return record
    except FileNotFoundError:
        pass
    return replace(record, file="", sha256="", bytes=0, width=0, height=0, decision="", reason="", score=None)


def outcome_of(record: Record) -> dict[str, Any]:
    """What fetching its address gave, for another class's record of the same address; decisions are not shared."""
    if not record.file:
        return {"decision": record.decision, "reason": record.reason}
    return {name: getattr(record, name) for name in ("file", "sha256", "bytes", "width", "height")}


def read_searches(data: Path) -> dict[Search, int | None]:
    """Where each search goes on, by data/searches.jsonl; None: it has been asked to its end."""
    cursors: dict[Search, int | None] = {}
    path = data / "searches.jsonl"
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
            cursors[Search(entry["provider"], entry["server"], entry["label"], entry["query"])] = entry["next"]
        except (ValueError, KeyError, TypeError):
            continue  # cut short when the process was killed: that page is asked again
    return cursors


def note_search(data: Path, search: Search, cursor: int | None) -> None:
    """Add a line to data/searches.jsonl. It starts with the line break, so that half a line spoils no other."""
    with (data / "searches.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(asdict(search) | {"next": cursor}, ensure_ascii=False))


def summary(records: Iterable[Record], asked: Iterable[tuple[str, str]] = ()) -> str:
    """The table at the end: per class and provider how many found, fetched, and not fetched by reason.

    asked: (label, provider) of all searches, so that those that found nothing have their line too. A picture that two
    providers found counts for the first.
    """
    lines: dict[tuple[str, str], Counter[str]] = {key: Counter() for key in asked}
    for record in records:
        line = lines.setdefault((record.label, record.provider), Counter())
        line["found"] += 1
        again = "" if record.decision else " (again next time)"
        line["fetched" if record.file else f"{record.reason or 'not asked yet'}{again}"] += 1
    text = [f"{'class':<16}{'provider':<12}{'found':>7}{'fetched':>9}  not fetched"]
    for (label, provider), line in lines.items():
        reasons = ", ".join(f"{reason} {n}" for reason, n in line.most_common() if reason not in ("found", "fetched"))
        text.append(f"{label:<16}{provider:<12}{line['found']:>7}{line['fetched']:>9}  {reasons}".rstrip())
    return "\n".join(text)
