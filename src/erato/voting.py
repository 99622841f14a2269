"""Files of votes and the key to their page to what they come to. In: paths. Out: rates by source, or one sentence.

Files are anybody's: whatever is not as a page writes it is refused. Knows nothing of runs, nor of how a page is made.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from erato.errors import UsageError
from erato.evaluation.votes import Rate, Strength, Vote, against, overall, rate, strengths

PEOPLE = "people"  # the source of what people wrote
VERSION = 1  # of keys and of files of votes
MOST_BYTES = 8_000_000  # of a file that is read
OUTCOMES = {"a": 1.0, "none": 0.5, "b": 0.0}
PERSONS = ("a", "b", "unsure")
_SEED = 0  # of the bootstrap
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Key:
    """What belongs to the ids of a page: by the id of a pair, the sources of A and B."""

    page: str
    sources: Sequence[str]
    pairs: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Ballot:
    """The votes of one listener: by the id of a pair, the choice and the guess at a person (None: not answered)."""

    file: Path
    page: str
    listener: str
    votes: Mapping[str, tuple[str, str | None]]


@dataclass(frozen=True)
class Tally:
    """What the votes come to.

    sources: those of the page, in its order; overall, against: see `erato.evaluation.votes`; found: how often a person
    was found where there was one, taken: by run, how often it was taken for a person (both of those who answered, who
    cannot tell counting half, and as not taken); notes: sentences on what was left out.
    """

    page: str
    listeners: int
    votes: int
    sources: Sequence[str]
    overall: Mapping[str, Rate]
    against: Mapping[tuple[str, str], Rate]
    strengths: Mapping[str, Strength]
    found: Rate | None
    taken: Mapping[str, Rate]
    notes: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""

        def said(one: Rate) -> dict[str, Any]:
            return {"votes": one.votes, **asdict(one)}

        strength = {name: asdict(one) for name, one in self.strengths.items()}
        return {
            "page": self.page,
            "listeners": self.listeners,
            "votes": self.votes,
            "sources": [
                {"name": name, **said(self.overall.get(name) or rate([])), "strength": strength.get(name)}
                for name in self.sources
            ],
            "against": [{"source": one, "other": other, **said(found)} for (one, other), found in self.against.items()],
            "person_found": None if self.found is None else said(self.found),
            "taken_for_a_person": {name: said(one) for name, one in self.taken.items()},
            "notes": list(self.notes),
        }


def key_of(page: Path) -> Path:
    """Where the key to a page lies."""
    return page.with_name(f"{page.stem}.key.json")


def tally(paths: Sequence[str | Path], key: str | Path | None = None) -> Tally:
    """What files of votes come to, with the key in `key`, else the one beside them or in the folder that is open.

    Of two files of one listener, the one with more votes counts. Raises UsageError for what is not of one page, is
    damaged, or holds no votes.
    """
    ballots = [read_votes(Path(path)) for path in paths]
    if not ballots:
        raise UsageError("give the files of votes that listeners saved: erato listen --score votes.json.")
    for ballot in ballots:
        if ballot.page != ballots[0].page:
            raise UsageError(f"{ballot.file} is of another page than {ballots[0].file}: score the files of one page.")
    found = read_key(Path(key)) if key is not None else _beside(ballots)
    for ballot in ballots:
        if ballot.page != found.page:
            raise UsageError(f"{ballot.file} holds votes of another page than {key} is the key to.")
        if strange := [pair for pair in ballot.votes if pair not in found.pairs]:
            raise UsageError(
                f"{ballot.file} names a pair that its page does not have ({strange[0]!r}): it was changed."
            )
    kept, notes = _once(ballots)
    said = [(found.pairs[pair], *answer) for ballot in kept for pair, answer in ballot.votes.items()]
    if not said:
        raise UsageError(f"there are no votes in {', '.join(str(ballot.file) for ballot in ballots)}: vote first.")
    votes = [Vote(*sources, OUTCOMES[choice]) for sources, choice, _ in said]
    guesses = [(sources, person) for sources, _, person in said if person is not None]
    order = {name: place for place, name in enumerate(found.sources)}
    pairs, whole = against(votes), overall(votes)
    return Tally(
        found.page,
        sum(bool(ballot.votes) for ballot in kept),
        len(votes),
        found.sources,
        {name: whole[name] for name in found.sources if name in whole},
        {pair: pairs[pair] for pair in sorted(pairs, key=lambda pair: (order[pair[0]], order[pair[1]]))},
        strengths(votes, np.random.default_rng(_SEED)),
        _person_found(guesses),
        _taken(guesses),
        notes,
    )


def _once(ballots: Sequence[Ballot]) -> tuple[list[Ballot], list[str]]:
    """One ballot a listener, the one with most votes (of equals, the last), and what to say of the others."""
    kept: dict[str, Ballot] = {}
    notes = []
    for ballot in ballots:
        before = kept.get(ballot.listener)
        kept[ballot.listener] = ballot
        if before is not None:
            fewer, more = sorted((before, ballot), key=lambda one: len(one.votes))
            kept[ballot.listener] = more
            same = "given twice" if fewer.file == more.file else f"of the same listener as {more.file}"
            notes.append(f"{fewer.file} is {same}: counted once.")
    return list(kept.values()), notes


def _person_found(guesses: Sequence[tuple[tuple[str, str], str]]) -> Rate | None:
    """How often the person was found in pairs that had one."""
    outcomes = []
    for (a, b), person in guesses:
        if (a == PEOPLE) != (b == PEOPLE):
            right = "a" if a == PEOPLE else "b"
            outcomes.append(0.5 if person == "unsure" else float(person == right))
    return rate(outcomes) if outcomes else None


def _taken(guesses: Sequence[tuple[tuple[str, str], str]]) -> dict[str, Rate]:
    """How often each run was taken for a person."""
    outcomes: dict[str, list[float]] = {}
    for sources, person in guesses:
        for side, source in zip(("a", "b"), sources, strict=True):
            if source != PEOPLE:
                outcomes.setdefault(source, []).append(float(person == side))
    return {source: rate(row) for source, row in outcomes.items()}


def _beside(ballots: Sequence[Ballot]) -> Key:
    """The key to the page of the ballots, among those that lie beside them or in the folder that is open."""
    others = []
    for folder in dict.fromkeys([*(ballot.file.absolute().parent for ballot in ballots), Path.cwd()]):
        for path in sorted(folder.glob("*.key.json")):
            try:
                found = read_key(path)
            except UsageError:
                continue
            if found.page == ballots[0].page:
                return found
            others.append(str(path))
    there = f"there is only {', '.join(others[:3])}, which is of another page" if others else "there is none"
    raise UsageError(
        f"no key to the page of {ballots[0].file} lies beside it or here ({there}): give it with --key FILE.key.json."
    )


def read_votes(path: Path) -> Ballot:
    """A file that a page saved; UsageError for any other."""
    said = _read(path, "votes")
    page, listener, votes = said.get("page"), said.get("listener"), said.get("votes")
    try:
        if not isinstance(page, str) or not isinstance(listener, str) or not _ID.fullmatch(listener):
            raise TypeError
        if not isinstance(votes, list) or len(found := dict(map(_answer, votes))) < len(votes):
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(f"{path} is damaged: it does not hold votes as the page saves them; save it again.") from None
    return Ballot(path, page, listener, found)


def _answer(vote: Any) -> tuple[str, tuple[str, str | None]]:
    """The pair, the choice and the guess of one vote; an exception for what is none."""
    pair, choice, person = vote["pair"], vote["choice"], vote.get("person")
    if not isinstance(pair, str) or choice not in OUTCOMES or person not in (None, *PERSONS):
        raise ValueError
    return pair, (choice, person)


def read_key(path: Path) -> Key:
    """The key that was written beside a page; UsageError for anything else."""
    said = _read(path, "key")
    try:
        sources = [str(one["name"]) for one in said["sources"]]
        of_piece = {str(key): str(one["source"]) for key, one in said["pieces"].items()}
        pairs = {str(key): (of_piece[one["a"]], of_piece[one["b"]]) for key, one in said["pairs"].items()}
        page = said["page"]
        right = isinstance(page, str) and all(a != b and {a, b} <= {*sources} for a, b in pairs.values())
    except (KeyError, TypeError, AttributeError):
        right = False
    if not right:
        raise UsageError(f"{path} is damaged: it is no key as erato listen writes it; make the page again.")
    return Key(page, sources, pairs)


def _read(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in a file that says that it is `what`."""
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}: give the path of a file of {what}.")
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path} is larger than any file of {what} is ({MOST_BYTES // 1_000_000} MB).")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is damaged: it holds no JSON; save it again.") from None
    if not isinstance(found, dict) or found.get("erato listen") != what:
        raise UsageError(f"{path} is no file of {what} that erato listen or its page wrote.")
    if found.get("version") != VERSION:
        raise UsageError(f"{path} is of version {found.get('version')!r}, and this Erato reads version {VERSION}.")
    return found
