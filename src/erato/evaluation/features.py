"""What a piece of music is like, in numbers: a score in; histograms, matrices and scalars out.

The measures are those of MusPy (Dong, Chen, McAuley and Berg-Kirkpatrick 2020, "MusPy: A Toolkit for Symbolic Music
Generation") and mgeval (Yang and Lerch 2020, "On the evaluation of generative models in music"); where their code does
something else than their text, or something odd, it is said here. Drums have no pitch: measures of pitch, polyphony and
note lengths leave them out, measures of onsets and bars count them. Knows nothing of files and models.
Legend: N notes, F numbers of a piece, B bars.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from erato.evaluation.notes import Notes, notes_of
from erato.evaluation.repetition import LAGS, grid, groove_consistency, lag_similarity, repeated
from erato.evaluation.scalars import Scalar, columns, jsonable
from erato.score import Floats, Ints, Score, seconds_at

# mgeval's note length classes, in its order, in 96ths of a whole note.
LENGTHS = {
    "whole": 96, "half": 48, "quarter": 24, "eighth": 12, "sixteenth": 6, "dotted half": 72, "dotted quarter": 36,
    "dotted eighth": 18, "dotted sixteenth": 9, "half triplet": 32, "quarter triplet": 16, "eighth triplet": 8,
}  # fmt: skip
MAJOR = (0, 2, 4, 5, 7, 9, 11)
NEAR = 0.05  # seconds: notes whose end and onset are nearer than that follow one another (pretty_midi)
POLYPHONIC = 2  # pitches at once

SCALARS = (
    Scalar("notes_per_second", "notes, drums too, by the length of the piece", "notes/s", "Erato"),
    Scalar("notes_per_bar", "notes, drums too, by the number of bars; a pickup is a bar", "notes", "mgeval"),
    Scalar("inter_onset_seconds", "mean time between successive different onsets", "s", "mgeval avg_IOI"),
    Scalar("inter_onset_quarters", "mean time between successive different onsets", "quarters", "mgeval avg_IOI"),
    Scalar("pitches", "different pitches", "pitches", "MusPy n_pitches_used"),
    Scalar("pitch_classes", "different pitch classes", "pitch classes", "MusPy n_pitch_classes_used"),
    Scalar("pitch_range", "from the lowest pitch to the highest", "semitones", "MusPy, mgeval pitch_range"),
    Scalar("pitch_entropy", "entropy of the pitch histogram", "bits", "MusPy pitch_entropy"),
    Scalar("pitch_class_entropy", "entropy of the pitch-class histogram", "bits", "MusPy pitch_class_entropy"),
    Scalar("pitch_interval", "mean size of the steps from note to note of a track", "semitones", "mgeval"),
    Scalar("scale_consistency", "largest share of notes that one major or minor scale holds", "", "MusPy"),
    Scalar("polyphony", "mean number of pitches while any sounds", "pitches", "MusPy polyphony"),
    Scalar("polyphony_rate", "share of the time in which two or more pitches sound", "", "MusPy polyphony_rate"),
    Scalar("empty_bar_rate", "share of bars in which nothing sounds", "", "MusPy empty_measure_rate"),
    Scalar("groove_consistency", "how alike the onsets of neighbouring bars are", "", "MusPy groove_consistency"),
    Scalar("repeated_bars", "share of bars whose notes, transposed or not, an earlier bar has", "", "Erato"),
    Scalar("repeated_rhythms", "share of bars whose onsets an earlier bar has", "", "Erato"),
    *(
        Scalar(f"similarity_lag_{lag}", f"mean share of onsets that bars {lag} apart have in common", "", "Erato")
        for lag in LAGS
    ),
)  # the order of printing


@dataclass(frozen=True)
class Features:
    """The numbers of one piece; nan where one has no meaning for it.

    pitch_histogram [128], pitch_class_histogram [12]: shares of notes. note_length_histogram [12]: shares of notes by
    the classes of `LENGTHS`. pitch_class_transitions, note_length_transitions [12, 12]: shares of transitions from the
    row to the column. scalars: by the names of `SCALARS`, in their order. notes, drum_notes: how many there are, drums
    apart.
    """

    pitch_histogram: Floats
    pitch_class_histogram: Floats
    note_length_histogram: Floats
    pitch_class_transitions: Floats
    note_length_transitions: Floats
    scalars: dict[str, float]
    notes: int
    drum_notes: int

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON holds it: lists, and None for what has no meaning."""
        found: dict[str, Any] = {**jsonable(self.scalars), "notes": self.notes, "drum_notes": self.drum_notes}
        for name in ARRAYS:
            array = getattr(self, name)
            found[name] = None if np.isnan(array).any() else array.tolist()
        return found


ARRAYS = {field.name: 128 if field.name == "pitch_histogram" else 12 for field in fields(Features)[:3]} | {
    field.name: 144 for field in fields(Features)[3:5]
}  # numbers that each has
COLUMNS = columns({**{scalar.name: 1 for scalar in SCALARS}, **ARRAYS})  # of `vector`


def features(score: Score) -> Features:
    """All measures of a score; no score is too short or too empty.

    What differs from mgeval's code: it reads one track (here: all), takes the time of the first track in seconds times
    velocity as pitch-class histogram (here: notes, as in MusPy's entropy), and leaves transitions as counts, so that
    distances between pieces are mostly those of their lengths (here: shares).
    """
    every = notes_of(score)
    pitched = every.where(~every.drum)
    # Seconds once for all: each conversion walks through the tempos.
    times = seconds_at(score, np.concatenate([every.onset, every.end, [every.length]]))
    count = len(every.onset)
    onset_s, end_s, seconds = times[:count], times[count:-1], float(times[-1])

    pitch_histogram = _shares(np.bincount(pitched.pitch & 127, minlength=128))
    class_histogram = _shares(np.bincount(pitched.pitch % 12, minlength=12))
    classes = length_classes(pitched.end - pitched.onset, pitched.ticks_per_quarter)
    return Features(
        pitch_histogram,
        class_histogram,
        _shares(np.bincount(classes, minlength=12)),
        _shares(_pitch_class_transitions(pitched, onset_s[~every.drum], end_s[~every.drum])),
        _shares(_transitions(classes, pitched.track)),
        {
            **_of_onsets(every, onset_s, seconds),
            **_of_pitches(pitched, pitch_histogram, class_histogram),
            **_of_polyphony(pitched),
            **_of_bars(every),
        },
        len(pitched.onset),
        count - len(pitched.onset),
    )


def vector(found: Features) -> Floats:
    """[F] all numbers of a piece in a row, each where `COLUMNS` says; nan where one has no meaning."""
    scalars = [found.scalars[scalar.name] for scalar in SCALARS]
    return np.concatenate([scalars, *(getattr(found, name).ravel() for name in ARRAYS)])


def length_classes(duration: Ints, ticks_per_quarter: int) -> Ints:
    """[N] the nearest of `LENGTHS` to each duration (ticks), the first in their order of two as near.

    A quarter is a quarter whatever the meter. mgeval's classes are shares of a bar instead, so that in 3/4 a quarter
    falls among its half triplets; and, asked for its second track, it takes the wrong number of the time signature for
    the bar's length. Both agree in 4/4. Whatever is longer than a whole note is one; a note of length 0 a sixteenth.
    """
    classes = np.array(list(LENGTHS.values()), np.int64) * ticks_per_quarter
    nearest: Ints = np.abs(24 * duration[:, None] - classes).argmin(1)
    return nearest


def _shares(counts: Ints) -> Floats:
    total = counts.sum()
    return counts / total if total else np.full(counts.shape, np.nan)


def _entropy(shares: Floats) -> float:
    """In bits; nan for a histogram of nothing."""
    if np.isnan(shares).any():
        return float("nan")
    some = shares[shares > 0]
    return max(0.0, -float((some * np.log2(some)).sum()))


def _transitions(kinds: Ints, track: Ints) -> Ints:
    """[12, 12] how often each kind of note is followed by each in its track; notes by track, onset and pitch."""
    follows = track[1:] == track[:-1]
    return np.bincount((12 * kinds[:-1] + kinds[1:])[follows], minlength=144).reshape(12, 12)


def _pitch_class_transitions(notes: Notes, onset_s: Floats, end_s: Floats) -> Ints:
    """[12, 12] how often a note of the row ends within `NEAR` of the onset of one of the column in its track.

    mgeval takes this from pretty_midi. There, a note shorter than `NEAR` also follows itself; here, no note does.
    """
    pitch_class = notes.pitch % 12
    apart = (float(end_s.max(initial=0)) + 1) * notes.track  # so that one search serves all tracks
    onsets, ends = onset_s + apart, end_s + apart
    first = np.searchsorted(onsets, ends - NEAR, side="right")
    counts = np.maximum(0, np.searchsorted(onsets, ends + NEAR, side="left") - first)
    source = np.repeat(np.arange(len(onsets)), counts)
    target = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    other = source != target
    pairs = 12 * pitch_class[source[other]] + pitch_class[target[other]]
    return np.bincount(pairs, minlength=144).reshape(12, 12)


def _of_onsets(notes: Notes, onset_s: Floats, seconds: float) -> dict[str, float]:
    """Density, and time between onsets.

    Notes that begin together have one onset. mgeval counts each of them, so that a chord holds intervals of 0 and its
    mean is (last onset - first) / (notes - 1).
    """
    ticks = np.unique(notes.onset)
    gaps = len(ticks) - 1
    nan = float("nan")
    return {
        "notes_per_second": len(notes.onset) / seconds if seconds > 0 else nan,
        "notes_per_bar": len(notes.onset) / len(notes.bars) if notes.bars else nan,
        "inter_onset_seconds": float(onset_s.max() - onset_s.min()) / gaps if gaps > 0 else nan,
        "inter_onset_quarters": float(ticks[-1] - ticks[0]) / gaps / notes.ticks_per_quarter if gaps > 0 else nan,
    }


def _of_pitches(notes: Notes, histogram: Floats, class_histogram: Floats) -> dict[str, float]:
    """What pitches there are and how they follow one another.

    pitch_range: MusPy's is 0 without notes and -127 with drums alone. pitch_interval: from each note to the next of its
    track by onset, of a chord from the lowest up; mgeval takes the order of the file there. scale_consistency: MusPy's
    minor scales are natural ones, which have the pitch classes of a major scale, so twelve scales are all there are.
    """
    nan = float("nan")
    steps = np.abs(np.diff(notes.pitch))[notes.track[1:] == notes.track[:-1]]
    in_scale = [class_histogram[[(root + degree) % 12 for degree in MAJOR]].sum() for root in range(12)]
    some = len(notes.pitch) > 0
    return {
        "pitches": float(np.count_nonzero(histogram > 0)),
        "pitch_classes": float(np.count_nonzero(class_histogram > 0)),
        "pitch_range": float(np.ptp(notes.pitch)) if some else nan,
        "pitch_entropy": _entropy(histogram),
        "pitch_class_entropy": _entropy(class_histogram),
        "pitch_interval": float(steps.mean()) if len(steps) else nan,
        "scale_consistency": min(1.0, float(max(in_scale))) if some else nan,
    }


def _of_polyphony(notes: Notes) -> dict[str, float]:
    """How many pitches sound at once, by time in ticks; one pitch in two tracks is one.

    MusPy's rate counts more than two pitches, although its text says several; it and this one are shares of the whole
    piece, the silence before the first note too. Its length is that of the last note, ours that of the piece.
    """
    nan = float("nan")
    order = np.lexsort((notes.onset, notes.pitch))
    onset, end, pitch = notes.onset[order], notes.end[order], notes.pitch[order]
    # Notes of one pitch that overlap are joined: what was reached before, pitch by pitch, is where a note goes on from.
    far = int(end.max(initial=0)) + 1
    reached = np.maximum.accumulate(end + far * pitch) - far * pitch if len(end) else end
    before = np.zeros_like(onset)
    before[1:] = np.where(pitch[1:] == pitch[:-1], reached[:-1], 0)
    onset = np.maximum(onset, before)
    longer = end > onset
    times = np.concatenate([onset[longer], end[longer]])
    order = np.argsort(times, kind="stable")
    change = np.repeat([1, -1], [longer.sum()] * 2)[order]
    sounding, lasts = np.cumsum(change)[:-1], np.diff(times[order])
    some = float(lasts[sounding > 0].sum())
    return {
        "polyphony": float((sounding * lasts).sum()) / some if some else nan,
        "polyphony_rate": float(lasts[sounding >= POLYPHONIC].sum()) / notes.length if notes.length else nan,
    }


def _of_bars(notes: Notes) -> dict[str, float]:
    """What is in the bars, by their time signatures, and how they repeat; see `repetition`.

    empty_bar_rate: a note is in the bars in which it begins or sounds. MusPy takes one length for all bars, has a note
    that ends on a bar line sound in the bar after, and counts a bar after the last where a piece ends on a bar line.
    """
    nan = float("nan")
    if not notes.bars:
        names = ("empty_bar_rate", "groove_consistency", "repeated_bars", "repeated_rhythms")
        return {**dict.fromkeys(names, nan), **{f"similarity_lag_{lag}": nan for lag in LAGS}}
    starts = np.array([bar.start for bar in notes.bars], np.int64)
    change = np.zeros(len(starts) + 1, np.int64)
    np.add.at(change, np.searchsorted(starts, notes.onset, side="right") - 1, 1)
    np.add.at(change, np.searchsorted(starts, np.maximum(notes.end - 1, notes.onset), side="right"), -1)
    in_bars = grid(notes)
    bars, rhythms = repeated(in_bars)
    return {
        "empty_bar_rate": float(np.count_nonzero(np.cumsum(change)[:-1] == 0) / len(starts)),
        "groove_consistency": groove_consistency(in_bars),
        "repeated_bars": bars,
        "repeated_rhythms": rhythms,
        **{f"similarity_lag_{lag}": lag_similarity(in_bars, lag) for lag in LAGS},
    }
