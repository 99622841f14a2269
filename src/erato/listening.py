"""Runs to a blind listening test: their new pieces, and held-out ones of people, in pairs; a page and its key out.

What could tell sources apart beside the music itself (instrument, loudness, length, and all that some source lacks) is
made equal for all, and said. The page names pieces by hashes; which is which stands in the key alone. Composing is the
run's, the page that of `erato.renderers.listen_page`; what votes come to is in `erato.voting`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from erato import files
from erato.corpora.base import Corpus, Pieces
from erato.errors import CorpusError, UsageError
from erato.general_midi import PROGRAMS
from erato.hearing import Shared, equalised, excerpt, shared
from erato.held_out import unlearnt
from erato.pairing import matched
from erato.renderers.listen_page import Pair, Test, listen_page, sounds
from erato.reporter import Reporter
from erato.run import Run, refuse_count
from erato.score import Piece, Score, note_count, seconds
from erato.voting import PEOPLE, VERSION, key_of

BARS, SECONDS, CHARS = 8, 20.0, 600  # of a piece, where nobody says how long it is
RING_S = 1.5  # seconds in which last notes die away
MOST_S = 1200.0  # seconds of sound on a page: about 13 MB
TRIES = 4  # times as many seeds as pieces, where some give silence


@dataclass(frozen=True)
class Heard:
    """A piece as it is to be heard, and where it comes from: the name of its source, and what the key says of it."""

    source: str
    piece: Piece
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Listening:
    """A test: the page as HTML, and the key to it as JSON."""

    test: Test
    key: Mapping[str, Any]

    @property
    def page(self) -> str:
        """The page as HTML."""
        return listen_page(self.test)


def prepare(
    runs: Sequence[Run],
    *,
    n: int = 4,
    seed: int = 0,
    bars: int | None = None,
    seconds: float | None = None,
    pairs: int | None = None,
    corpus: str | Path | Corpus | None = None,
    program: int = 0,
    reporter: Reporter | None = None,
) -> Listening:
    """A test of `n` pieces a run and as many of people, which none of the runs learned from.

    bars, seconds: how long a piece of music is; if neither, 8 bars where all runs have bars, else 20 seconds. Pieces of
    so many bars have one tempo, those of so many seconds their own. pairs: how many; if None, each piece meets one of
    every other source. corpus: where the pieces of people come from; if None, that of the first run. program: the
    General MIDI program that plays everything. The same runs, files and numbers give the same test. Raises UsageError
    for what cannot be compared.
    """
    reporter = reporter or Reporter()
    refuse_count(n)
    names = _names(runs)
    text = _is_text(runs)
    if text and (bars, seconds) != (None, None):
        raise UsageError("text has neither bars nor seconds: leave them out.")
    if bars is not None and seconds is not None:
        raise UsageError("give one of bars and seconds, not both.")
    if (bars, seconds) == (None, None) and not text:
        counted = all(run.representation.cursor(1).bars is not None for run in runs)
        bars, seconds = (BARS, None) if counted else (None, SECONDS)
    rng = np.random.default_rng(seed)
    pool, held_out = _held_out(runs, corpus, reporter)
    heard: list[Heard] = []
    if len(runs) == 1 and pool is None:
        raise _alone()
    for run, name in zip(runs, names, strict=True):
        heard += _composed(run, name, n, seed, bars, seconds, reporter)
    if pool is not None:
        inside = any(run.recipe.begin == "window" for run in runs)
        heard += _of_people(pool, held_out, n, bars, seconds, text, inside, rng, reporter)
    counts = {name: sum(one.source == name for one in heard) for name in _sources(heard)}
    if len(counts) < 2:
        raise _alone()
    salt = _digest(seed, [run.identity.hash for run in runs], pool.hash if pool else None)
    said = _sources_said(runs, names, pool if PEOPLE in counts else None)
    pairing = matched(counts, pairs, rng)
    parts, length, equal = _texts(heard) if text else _sounds(heard, bars is not None, program, reporter)
    test = _test(heard, pairing, parts, salt, length, equal)
    return Listening(test, _key(test, heard, salt, seed, said))


def write(listening: Listening, out: Path) -> Path:
    """Writes the page, and the key beside it; the key's path."""
    key = key_of(out)
    files.write_json(key, listening.key)  # a page without one would be worth nothing
    files.write_text(out, listening.page)
    return key


def _alone() -> UsageError:
    return UsageError("one run and no pieces of people are nothing to compare: give a second run, or --corpus.")


def _names(runs: Sequence[Run]) -> list[str]:
    """What the sources are called: the folders of the runs, whole paths where these are called alike."""
    if not runs:
        raise UsageError("give the folder of a run, or several: erato listen runs/RUN.")
    folders = [str(run.folder.absolute()) for run in runs]
    for folder in folders:
        if folders.count(folder) > 1:
            raise UsageError(f"{folder} is given twice: give each run once.")
    names = [run.folder.absolute().name for run in runs]
    return [
        folder if names.count(name) > 1 or name == PEOPLE else name for name, folder in zip(names, folders, strict=True)
    ]


def _is_text(runs: Sequence[Run]) -> bool:
    kinds = {run.representation.kind: run.folder for run in runs}
    if len(kinds) > 1:
        raise UsageError(
            f"{kinds['music']} writes music and {kinds['text']} text: compare runs of one kind, in a test each."
        )
    return "text" in kinds


def _held_out(
    runs: Sequence[Run], corpus: str | Path | Corpus | None, reporter: Reporter
) -> tuple[Pieces | None, list[int]]:
    """The corpus of the pieces of people, and the numbers of those that no run learned from; None: there are none.

    Those of its test part, else of its valid part.
    """
    try:
        pieces = runs[0]._pieces(corpus, reporter)
    except (UsageError, CorpusError) as error:
        if corpus is not None:
            raise
        reporter.note(f"There are no pieces of people: {error}")
        return None, []
    corpora = dict.fromkeys(str(run.manifest.get("corpus")) for run in runs)
    if corpus is None and len(corpora) > 1:
        reporter.note(
            f"The runs learned from different corpora ({', '.join(corpora)}): the pieces of people are of "
            f"{pieces.name}; --corpus names others."
        )
    for split in ("test", "valid"):
        indices = pieces.split(split)
        for run in runs:
            indices = unlearnt(pieces, indices, run.manifest)
        if indices:
            return pieces, indices
    reporter.note(f"There are no pieces of people: {pieces.name} has none that the runs did not learn from.")
    return None, []


def _composed(
    run: Run, name: str, n: int, seed: int, bars: int | None, seconds: float | None, reporter: Reporter
) -> Iterator[Heard]:
    """`n` pieces of a run that are not silent, with what the key says of them; seeds from `seed` on."""
    text = run.representation.kind == "text"
    asked: dict[str, Any] = {"length": CHARS} if text else {"bars": bars, "seconds": seconds}
    if text and run.recipe.begin == "prompt":
        asked["begin"] = "window"  # a piece does not begin with that
    found, after, silent = 0, seed, 0
    while found < n and after < seed + TRIES * n:
        samples = run.sample(n=min(n - found, seed + TRIES * n - after), seed=after, reporter=reporter, **asked)
        after += len(samples)
        for sample in samples:
            if sample.piece.strip() if isinstance(sample.piece, str) else note_count(sample.piece):
                found += 1
                yield Heard(name, sample.piece, {"seed": sample.seed})
            else:
                silent += 1
    if found < n:
        raise UsageError(
            f"{name} composes silence: {silent} of {silent + found} pieces have no notes; train it longer."
        )
    if silent:
        reporter.note(f"{name}: {silent} of {silent + found} pieces are silent, and other seeds were taken.")


def _of_people(
    pieces: Pieces,
    indices: Sequence[int],
    n: int,
    bars: int | None,
    seconds: float | None,
    text: bool,
    inside: bool,
    rng: np.random.Generator,
    reporter: Reporter,
) -> list[Heard]:
    """Up to `n` excerpts of the pieces `indices`, of a piece of music one, of different works where there are as many.

    inside: whether they begin anywhere, as the runs do, or at the beginning.
    """
    order = [indices[place] for place in rng.permutation(len(indices)).tolist()]
    groups = [pieces.entries[index].group for index in order]
    order = sorted(order, key=lambda index: groups[: order.index(index)].count(pieces.entries[index].group))
    found: list[Heard] = []
    for index in order:
        name = pieces.entries[index].name
        for part, where in excerpt(pieces[index], bars, seconds, CHARS if text else None, inside, rng):
            found.append(Heard(PEOPLE, part, {"piece": name, **where}))
        if len(found) >= n and not text:
            break
    found = [found[place] for place in rng.permutation(len(found)).tolist()][:n] if text else found[:n]
    if len(found) < n:
        reporter.note(f"{pieces.name} has {len(found)} held-out pieces that are long enough, {n} were asked for.")
    return found


def _sources(heard: Sequence[Heard]) -> list[str]:
    return list(dict.fromkeys(one.source for one in heard))


def _sounds(
    heard: Sequence[Heard], beats: bool, program: int, reporter: Reporter
) -> tuple[list[bytes | str], float, list[str]]:
    """What all sound like, in order, how long that is in seconds, and sentences on what was made equal."""
    scores: dict[str, list[Score]] = {}
    for one in heard:
        assert isinstance(one.piece, Score)
        scores.setdefault(one.source, []).append(one.piece)
    common = shared(scores, beats)
    made = [equalised(score, common, program) for group in scores.values() for score in group]
    length = float(np.ceil(np.median([seconds(score) for score in made]) + RING_S))
    if length * len(made) > MOST_S:
        raise UsageError(
            f"{len(made)} pieces of {length:.0f} seconds are more than the {MOST_S / 60:.0f} minutes of sound that a "
            "page holds: ask for fewer (--n), or for shorter ones (--bars, --seconds)."
        )
    return [*sounds(made, length, reporter.progress)], length, _equal(common, program, length)


def _equal(common: Shared, program: int, length: float) -> list[str]:
    """Sentences on what was made equal, the same whichever source lacked it."""
    said = [
        f"All notes of all pieces are played by one instrument ({PROGRAMS[program]}), in the middle, without effects.",
        f"Every piece is {length:.0f} seconds long: what is longer fades out, what is shorter ends in silence.",
        "Silence before the first note is cut away, and all pieces are equally loud.",
        "Notes are as loud as they were written." if common.dynamics else "All notes of a piece are struck alike.",
    ]
    if common.tempo is not None:
        said.append(f"All pieces have one steady tempo: {60e6 / common.tempo:.0f} quarters a minute.")
    else:
        said.append("Every piece has its own tempo.")
    return [
        *said,
        *([] if common.pedals else ["There is no pedal."]),
        *([] if common.drums else ["There are no drums."]),
    ]


def _texts(heard: Sequence[Heard]) -> tuple[list[bytes | str], float, list[str]]:
    """Texts cut to the same length, at a space; no seconds; what was made equal."""
    texts = [str(one.piece)[:CHARS] for one in heard]  # whose last word is whole only by chance
    cut: list[bytes | str] = [text.rsplit(None, 1)[0].strip() if len(text) == CHARS else text.strip() for text in texts]
    return cut, 0.0, [f"All texts have about {CHARS} characters, and are shown in the same type."]


def _sources_said(runs: Sequence[Run], names: Sequence[str], pool: Pieces | None) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [
        {
            "name": name,
            "run": str(run.folder.absolute()),
            "recipe": run.recipe.name,
            "hash": run.identity.hash,
            "checkpoint": run.checkpoint,
        }
        for run, name in zip(runs, names, strict=True)
    ]
    return said if pool is None else [*said, {"name": PEOPLE, "corpus": pool.name, "hash": pool.hash}]


def _test(
    heard: Sequence[Heard],
    pairing: Sequence[tuple[tuple[str, int], tuple[str, int]]],
    parts: Sequence[bytes | str],
    salt: str,
    length: float,
    equal: Sequence[str],
) -> Test:
    """What the page asks, under opaque ids; pairing: of (source, number of its piece)."""
    ids = _ids(heard, salt)
    of_source = {name: [i for i, one in zip(ids, heard, strict=True) if one.source == name] for name in _sources(heard)}
    pairs = [
        Pair(_digest(salt, "pair", number)[:12], *(of_source[source][place] for source, place in two))
        for number, two in enumerate(pairing)
    ]
    hashes = [sha256(one if isinstance(one, bytes) else one.encode("utf-8", "replace")).hexdigest() for one in parts]
    page = _digest(salt, "page", hashes, [pair.id for pair in pairs])[:16]
    return Test(page, pairs, dict(zip(ids, parts, strict=True)), length, PEOPLE in of_source, equal)


def _key(
    test: Test, heard: Sequence[Heard], salt: str, seed: int, sources: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What belongs to the ids of a test."""
    of_piece = zip(_ids(heard, salt), heard, strict=True)
    return {
        "erato listen": "key",
        "version": VERSION,
        "page": test.id,
        "seed": seed,
        "salt": salt,
        "sources": list(sources),
        "pieces": {key: {"source": one.source, **one.said} for key, one in of_piece},
        "pairs": {pair.id: {"a": pair.a, "b": pair.b} for pair in test.pairs},
        "equal": list(test.equal),
    }


def _ids(heard: Sequence[Heard], salt: str) -> list[str]:
    return [_digest(salt, "piece", number)[:12] for number in range(len(heard))]


def _digest(*parts: Any) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()
