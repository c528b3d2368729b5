"""What stands beside a class in the titles and tags that the engines return: words that [neither] may be missing."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ...errors import SearchError
from ..classes import NEITHER, Classes
from .search import ENGINES, SERVERS, Candidate, Server, new_session

FEW = 5  # searches of neither that resemble a class: with fewer, words are proposed
PROPOSED = 8  # words for a class
ASKED = 4  # of a class's searches, a page each
# what titles are full of and what nobody would search for; words of up to two letters are left out anyway
EMPTY = (
    "the and with for from this that his her its our your are was not all one two you new old big file img dsc image"
    " images photo photos picture pictures jpg jpeg png free stock close view day white black red blue green"
)


def resembling(classes: Classes, label: str) -> list[str]:
    """The searches of neither that resemble a class: their group is like it, or they have a word of its label."""
    own = stems(label)
    return [
        query
        for group in classes.groups
        for query in group.searches
        if group.like == label or own & stems(included(query))
    ]


def near_misses(classes: Classes, found: Mapping[str, Sequence[Candidate]]) -> dict[str, list[str]]:
    """Label -> searches for what is often found beside it, and less often beside the others; commonest first.

    found: label -> what the engines answered to its searches.
    """
    known = set().union(*(stems(included(query)) for query in classes.searches[NEITHER]))
    known |= set(EMPTY.split()).union(*(stems(label) for label in classes.labels))
    beside = {label: Counter(stem for one in many for stem in words_of(one)) for label, many in found.items()}
    proposed = {}
    for label, counts in beside.items():
        others: Counter[str] = sum((other for name, other in beside.items() if name != label), Counter())
        ranked = sorted(counts, key=lambda stem: (others[stem] - counts[stem], stem))
        best = [
            stem
            for stem in ranked
            if counts[stem] > max(1, others[stem])
            and stem not in known
            and not any(word in stem for word in stems(label))
        ]
        excluded = label if " " not in label else f'"{label}"'
        proposed[label] = [f"{stem} -{excluded}" for stem in best[:PROPOSED]]
    return proposed


def look_around(classes: Classes, labels: Sequence[str], servers: Mapping[str, str]) -> dict[str, list[Candidate]]:
    """What the engines answer to the first searches of these labels. servers: those named on the command line, if any.

    Raises SearchError when none can be asked.
    """

    found: dict[str, list[Candidate]] = {label: [] for label in labels}
    troubles = []

    async def ask(engine: str, url: str) -> None:
        async with new_session(named=bool(servers)) as session:
            for label in labels:
                for query in classes.searches[label][:ASKED]:
                    found[label] += (await ENGINES[engine](Server(url, session), query, 0)).candidates

    for engine, url in (servers or SERVERS).items():
        try:
            asyncio.run(ask(engine, url.rstrip("/")))
        except SearchError as error:
            troubles.append(str(error))
    if troubles and not any(found.values()):
        raise SearchError(" ".join(troubles))
    return found


def included(query: str) -> str:
    """A search without the words that it leaves out."""
    return re.sub(r'(?:^|\s)-("[^"]*"|\S+)', " ", query)


def stems(text: str) -> set[str]:
    """The words of a text in lower case, an s at the end apart ("cans" is "can")."""
    return {re.sub(r"(?<=..)(?<!s)s$", "", word) for word in re.findall(r"[^\W\d_]{3,}", text.casefold())}


def words_of(candidate: Candidate) -> set[str]:
    """The words that an engine has for a picture."""
    return stems(" ".join([candidate.title, *candidate.tags]))
