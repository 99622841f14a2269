"""What phrases of several tracks are like, in numbers: arrays of symbols in; means, intervals and gaps out.

The measures are those of MuseGAN (Dong et al. 2018, "MuseGAN: Multi-track Sequential Generative Adversarial Networks
for Symbolic Music Generation and Accompaniment"). Knows nothing of models and files, nor which pitch the lowest symbol
is: all measures are the same for a phrase and its transposition.
Legend: N phrases, T steps of one, K tracks, E entries of a measure (its tracks, or pairs of tracks), U what is drawn
again in a bootstrap (phrases or pieces). Phrases are [N, T, K] symbols of `Rolls`, T whole bars.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from erato.representations.base import Array, Rolls

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SHORTEST = 32  # qualified notes last at least one such part of a bar: three of the 96 steps of the paper
RADII = (1.0, 1.0, 0.5)  # of the circles of fifths, minor thirds and major thirds
BLOCK = 64  # resamples at once


@dataclass(frozen=True)
class Statistics:
    """Measures of phrases as sums and counts, phrase by phrase, so that any set of the phrases has a mean at once.

    By measure: sums and counts [N, E], whose quotient is the measure, and the names of the E entries.
    empty_bars: share of bars in which a track is silent throughout; used_pitch_classes: different pitch classes a bar,
    a silent bar has 0; one_step_notes: share of notes that last one step; qualified_notes: share of notes that last
    long enough; polyphonic_rate: share of steps in which at least two tracks sound; tonal_distance: between the tonal
    centroids of two tracks over a beat, in beats in which both sound.
    """

    sums: dict[str, Floats]
    counts: dict[str, Floats]
    names: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(next(iter(self.sums.values())))

    def means(self) -> dict[str, Floats]:
        """[E] by measure; nan where there is nothing to divide by (no note, no beat in which both tracks sound)."""
        return {name: _quotient(sums.sum(0), self.counts[name].sum(0)) for name, sums in self.sums.items()}


def phrases_of(arrays: Iterable[Array], space: Rolls, stride: int | None = None) -> Ints:
    """[N, T, K] the phrases of pieces [steps, K], one at every `stride` steps; what is left at their ends is none.

    stride: None: a phrase, so that none overlap and every bar counts once. The measures of the chorales are taken on
    those; a phrase at every bar would count all bars but a piece's first and last twice.
    """
    shape = (space.phrase, space.tracks)
    found = [np.empty((0, *shape), np.int64)]
    for array in arrays:
        if len(array) >= space.phrase:
            windows = np.lib.stride_tricks.sliding_window_view(array, space.phrase, axis=0)
            found.append(windows[:: stride or space.phrase].swapaxes(1, 2).astype(np.int64))
    return np.concatenate(found)


def statistics(phrases: Array, space: Rolls, names: Sequence[str] = (), *, shortest: int | None = None) -> Statistics:
    """The measures of phrases [N, T, K]; names: of the tracks, else "track 1" and so on.

    A note is a run of one pitch in a track; it goes on over a bar line, and begins and ends with the phrase. shortest:
    steps of a qualified note; None: the paper's, a thirty-second note. On a grid of sixteenths every note is that long
    and qualified_notes is 1 by construction: what tells noise from notes there is one_step_notes, near 0 in real music
    and near 1 in noise.
    """
    phrases = np.asarray(phrases)
    count, length, tracks = phrases.shape
    bars = length // space.steps
    assert length == bars * space.steps, "a phrase is whole bars"
    names = _distinct(names or [f"track {number + 1}" for number in range(tracks)])
    sounding = phrases != space.pitches

    bits = np.append(1 << (np.arange(space.pitches) % 12), 0).astype(np.uint16)  # one a pitch class; none for a rest
    classes = np.bitwise_or.reduce(bits[phrases].reshape(count, bars, space.steps, tracks), axis=2)
    used = np.bitwise_count(classes)  # [N, bars, K]

    notes, one_step, qualified = _notes(phrases, sounding, shortest or -(-space.steps // SHORTEST))
    distances, beats = _tonal_distances(phrases, space)
    per_bar, pairs = np.full((count, tracks), bars), tuple("-".join(pair) for pair in combinations(names, 2))
    measures = {
        "empty_bars": ((used == 0).sum(1), per_bar, names),
        "used_pitch_classes": (used.sum(1), per_bar, names),
        "one_step_notes": (one_step, notes, names),
        "qualified_notes": (qualified, notes, names),
        "polyphonic_rate": ((sounding.sum(2) >= 2).sum(1)[:, None], np.full((count, 1), length), ("all",)),
        "tonal_distance": (distances, beats, pairs),
    }
    return Statistics(
        {name: np.asarray(sums, np.float64) for name, (sums, _, _) in measures.items()},
        {name: np.asarray(counts, np.float64) for name, (_, counts, _) in measures.items()},
        {name: entries for name, (_, _, entries) in measures.items()},
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, numbered from the second of a kind on: "piano", "piano 2"."""
    before = [names[:place].count(name) for place, name in enumerate(names)]
    return tuple(f"{name} {count + 1}" if count else name for name, count in zip(names, before, strict=True))


def _notes(phrases: Array, sounding: Array, shortest: int) -> tuple[Ints, Ints, Ints]:
    """[N, K] notes, those of one step, and those of at least `shortest`."""
    count, length, tracks = phrases.shape
    rows = np.ascontiguousarray(phrases.swapaxes(1, 2))  # [N, K, T]
    begins = np.ones(rows.shape, np.bool_)
    begins[..., 1:] = rows[..., 1:] != rows[..., :-1]
    first = np.flatnonzero(begins)
    steps = np.diff(first, append=rows.size)
    sounds = sounding.swapaxes(1, 2).reshape(-1)[first]
    row, steps = first[sounds] // length, steps[sounds]

    def counted(chosen: Array) -> Ints:
        return np.bincount(row[chosen], minlength=count * tracks).reshape(count, tracks)

    return counted(steps > 0), counted(steps == 1), counted(steps >= shortest)


def _tonal_distances(phrases: Array, space: Rolls) -> tuple[Floats, Ints]:
    """[N, pairs] the distances of two tracks summed over the beats in which both sound, and how many those are.

    Of tonal centroids (Harte, Sandler and Gasser 2006, "Detecting harmonic change in musical audio"): the mean, over
    the sounding steps of a beat, of the place of each pitch class on three circles, so that fifths, minor thirds and
    major thirds lie close together.
    """
    count, length, tracks = phrases.shape
    beats = length // space.beat
    places = np.append(_places()[np.arange(space.pitches) % 12], np.zeros((1, 7)), axis=0)  # a rest is nowhere
    shape = (count, beats, space.beat, tracks)
    found = np.zeros((count, beats, tracks, 7))
    for step in range(space.beat):
        found += places[phrases[:, : beats * space.beat].reshape(shape)[:, :, step]]
    heard = found[..., 6]
    centroids = found[..., :6] / np.maximum(heard, 1)[..., None]
    one, other = np.triu_indices(tracks, 1)
    both = (heard[..., one] > 0) & (heard[..., other] > 0)  # [N, beats, pairs]
    distances = np.sqrt(np.square(centroids[:, :, one] - centroids[:, :, other]).sum(-1))
    return (distances * both).sum(1), both.sum(1)


def _places() -> Floats:
    """[12, 7] each pitch class on the circles of fifths, minor thirds and major thirds, and a 1 to count by."""
    angles = np.arange(12)[:, None] * np.pi * np.array([7 / 6, 3 / 2, 2 / 3])
    return np.concatenate([np.sin(angles) * RADII, np.cos(angles) * RADII, np.ones((12, 1))], axis=1)


def interval(
    statistics: Statistics,
    rng: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
    groups: Array | None = None,
) -> dict[str, tuple[Floats, Floats]]:
    """The percentile bootstrap interval (low [E], high [E]) of each mean.

    groups: [N] the piece that each phrase is of; whole pieces are drawn then, because phrases of one piece are alike.
    nan where a resample has nothing to divide by, and where there are fewer than two phrases or pieces.
    """
    table = np.concatenate([*statistics.sums.values(), *statistics.counts.values()], axis=1)  # [U, 2 * all entries]
    if groups is not None:
        _, piece = np.unique(groups, return_inverse=True)
        summed = np.zeros((piece.max(initial=-1) + 1, table.shape[1]))
        np.add.at(summed, piece, table)
        table = summed
    units = len(table)
    if units < 2:
        return {name: (np.full(len(entries), np.nan),) * 2 for name, entries in statistics.names.items()}
    drawn = np.concatenate([_resampled(table, min(BLOCK, resamples - at), rng) for at in range(0, resamples, BLOCK)])
    sums, counts = np.split(drawn, 2, axis=1)
    low, high = np.quantile(_quotient(sums, counts), [(1 - level) / 2, (1 + level) / 2], axis=0)
    ends = np.cumsum([len(entries) for entries in statistics.names.values()])[:-1]
    return dict(zip(statistics.names, zip(np.split(low, ends), np.split(high, ends), strict=True), strict=True))


def _resampled(table: Floats, times: int, rng: np.random.Generator) -> Floats:
    """[times, columns] sums of the rows of `table`, drawn as many as there are, with replacement."""
    units = len(table)
    weights = [np.bincount(rng.integers(0, units, units), minlength=units) for _ in range(times)]
    found: Floats = np.array(weights, np.float64) @ table
    return found


def _quotient(sums: Floats, counts: Floats) -> Floats:
    found: Floats = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return found


def diversity(phrases: Array, rng: np.random.Generator, pairs: int = 20_000) -> float:
    """The mean Hamming distance of two phrases: the share of their (step, track) cells that differ.

    Over pairs drawn at random, never a phrase with itself; 0 where there are no two.
    """
    count = len(phrases)
    if count < 2:
        return 0.0
    one = rng.integers(0, count, pairs)
    other = (one + rng.integers(1, count, pairs)) % count
    return float((phrases[one] != phrases[other]).mean())


def copies(phrases: Array, real: Iterable[Array]) -> int:
    """How many of the phrases [N, T, K] equal one of the real ones, an array of the kind or an iterable of [T, K]."""
    keys = list(_keys(phrases))
    wanted = set(keys)
    known = {key for key in _keys(real) if key in wanted}
    return sum(key in known for key in keys)


def _keys(phrases: Iterable[Array]) -> Iterator[bytes]:
    """All of a phrase as something that can be looked up, whatever its dtype."""
    return (np.ascontiguousarray(phrase, Rolls.stored).tobytes() for phrase in phrases)


def relative(phrases: Array, space: Rolls) -> Ints:
    """The phrases [N, T, K] counted from their first pitch, so that transpositions of a phrase are equal.

    The first pitch, of the first track that sounds in the first step with any, becomes 0; a rest stays.
    """
    count, length, tracks = phrases.shape
    cells = np.asarray(phrases, np.int64).reshape(count, length * tracks)
    sounding = cells != space.pitches
    first = np.take_along_axis(cells, sounding.argmax(1)[:, None], 1)
    return np.where(sounding, cells - first, space.pitches).reshape(phrases.shape)


def gap(generated: Statistics, real: Statistics) -> dict[str, float]:
    """How far the means of two sets of phrases lie apart.

    used_pitch_classes: the mean over tracks of the difference as a share of the real value; tonal_distance: the mean
    difference over pairs; both with `_worst`, the largest. empty_bars, one_step_notes and polyphonic_rate: the largest
    difference, in percentage points. A mean that one side does not have counts as 0 there.
    """
    ours, theirs = ({name: np.nan_to_num(mean) for name, mean in side.means().items()} for side in (generated, real))
    apart = {name: np.abs(ours[name] - theirs[name]) for name in theirs}
    sounding = theirs["used_pitch_classes"] > 0
    shares = apart["used_pitch_classes"][sounding] / theirs["used_pitch_classes"][sounding]
    found = {}
    for name, each in {"used_pitch_classes": shares, "tonal_distance": apart["tonal_distance"]}.items():
        found[name] = float(each.mean()) if len(each) else 0.0
        found[f"{name}_worst"] = float(each.max(initial=0))
    for name in ("one_step_notes", "empty_bars", "polyphonic_rate"):
        found[name] = 100 * float(apart[name].max(initial=0))
    return found


def compare(generated: Array, real: Array, space: Rolls, rng: np.random.Generator) -> dict[str, float]:
    """The gap of generated phrases to real ones, their diversity as a share of the real one, and the copies.

    diversity is 1 where no two of the real phrases differ; copies counts generated phrases that equal one of `real`.
    """
    varied = diversity(real, rng)
    return {
        **gap(statistics(generated, space), statistics(real, space)),
        "diversity": diversity(generated, rng) / varied if varied else 1.0,
        "copies": float(copies(generated, real)),
    }
