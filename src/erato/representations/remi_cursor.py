"""The grammar of `remi`: the symbols so far in, what may come next out. Knows nothing of scores or models.

piece    = Bar TimeSig position* (Bar [TimeSig] position*)* <end>
position = Position [Tempo] (Track note+)*        positions, tracks and pitches ascend
note     = Pitch [Velocity] Duration+             all but the last duration are the longest one
"""

from collections.abc import Sequence
from copy import copy

import numpy as np
import numpy.typing as npt

from erato.representations.base import Cursor, Sounds
from erato.representations.remi_vocabulary import TICKS_PER_QUARTER, WHOLE, Vocabulary
from erato.score import Floats, Ints

NOTHING, END, BAR, METER, POSITION, TEMPO, TRACK, PITCH, VELOCITY, DURATION, LONGEST = range(11)


class RemiCursor(Cursor):
    """Walks along with B pieces; a row costs a few microseconds a symbol."""

    def __init__(self, vocabulary: Vocabulary, batch: int) -> None:
        self._vocabulary = vocabulary
        self._rows = [_Row(_Grammar(vocabulary))] if batch else []
        self._rows += [copy(self._rows[0]) for _ in range(batch - 1)]

    def allowed(self) -> npt.NDArray[np.bool_]:
        masks = np.zeros((len(self._rows), self._vocabulary.size), dtype=np.bool_)
        for row, mask in zip(self._rows, masks, strict=True):
            row.allow(mask)
        return masks

    def push(self, symbols: Ints) -> None:
        for row, symbol in zip(self._rows, symbols.tolist(), strict=True):
            row.push(symbol)

    def sounds(self) -> Sounds:
        """A pitch begins its note at the current position, in the current track."""
        g = self._rows[0].grammar
        onset = np.array([row.begin + max(row.position, 0) * g.step_ticks for row in self._rows], dtype=np.int64)
        track = None
        if g.has_tracks or g.drums[0]:
            track = g.lines[np.array([max(row.track, 0) for row in self._rows], dtype=np.int64)]
        return Sounds(g.pitches, onset, track, TICKS_PER_QUARTER)

    def take(self, rows: Sequence[int]) -> "RemiCursor":
        taken = RemiCursor(self._vocabulary, 0)
        taken._rows = [copy(self._rows[row]) for row in rows]
        return taken

    @property
    def bars(self) -> Ints:
        """[B]: bar lines reached: Bar symbols so far, less one, less a pickup.

        A first bar is known to be a pickup only once the second bar has said that its meter is a longer one.
        """
        return np.array([max(0, row.bars - 1 - row.pickup) for row in self._rows], dtype=np.int64)

    @property
    def seconds(self) -> Floats:
        return np.array([row.seconds for row in self._rows], dtype=np.float64)

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        return np.array([row.last == END for row in self._rows], dtype=np.bool_)


class _Grammar:
    """The vocabulary as plain numbers and lists, which Python reads fastest."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        v = vocabulary
        self.start, self.end, self.bar, self.meter = v.start, v.end, v.bar, v.meter
        self.position, self.tempo, self.track, self.pitch = v.position, v.tempo, v.track, v.pitch
        self.velocity, self.duration, self.size = v.velocity, v.duration, v.size
        self.has_tracks, self.has_velocities = v.has_tracks, v.has_velocities
        self.lengths, self.positions = v.lengths, v.positions
        self.drums = [slot.is_drum for slot in v.tracks]
        self.lines = np.where(self.drums, -1, np.arange(len(self.drums)))
        self.bar_ticks = [WHOLE * n // d * (4 * TICKS_PER_QUARTER // WHOLE) for n, d in v.meters]
        self.step_ticks = TICKS_PER_QUARTER // v.steps_per_quarter
        self.pitches = np.full(v.size, -1, dtype=np.int64)
        self.pitches[v.pitch : v.velocity] = np.arange(v.velocity - v.pitch)
        self.step_s = [mspq / 1e6 / v.steps_per_quarter for mspq in v.tempos]
        self.default_step_s = 0.5 / v.steps_per_quarter if v.has_tempos else self.step_s[0]
        sections = [
            (NOTHING, self.end),
            (END, self.bar),
            (BAR, self.meter),
            (METER, self.position),
            (POSITION, self.tempo),
            (TEMPO, self.track),
            (TRACK, self.pitch),
            (PITCH, self.velocity),
            (VELOCITY, self.duration),
            (DURATION, self.size - 1),
            (LONGEST, self.size),
        ]
        self.kinds: list[int] = []
        for kind, stop in sections:
            self.kinds += [kind] * (stop - len(self.kinds))


class _Row:
    """Where one piece stands."""

    __slots__ = (
        "bars",
        "begin",
        "first_length",
        "grammar",
        "last",
        "length",
        "meter",
        "pickup",
        "pitch",
        "position",
        "positions",
        "seconds",
        "step_s",
        "track",
    )

    def __init__(self, grammar: _Grammar) -> None:
        self.grammar = grammar
        self.last = NOTHING  # kind of the last symbol
        self.bars = 0
        self.begin = 0  # of the bar, in ticks
        self.pickup = 0
        self.meter = -1
        self.length = 4.0 * grammar.lengths[0]  # of the bar, in steps; set by its meter
        self.first_length = 0.0
        self.positions = 0
        self.position = -1
        self.track = -1
        self.pitch = -1
        self.seconds = 0.0  # up to the current position
        self.step_s = grammar.default_step_s

    def allow(self, mask: npt.NDArray[np.bool_]) -> None:
        """Sets what may come next; mask: [V], all false."""
        g, last = self.grammar, self.last
        if last == NOTHING:
            mask[g.bar] = True
        elif last == END:
            mask[g.end] = True
        elif last == TRACK:
            mask[g.pitch : g.velocity] = True
        elif last == PITCH and g.has_velocities:
            mask[g.velocity : g.duration] = True
        elif last in (PITCH, VELOCITY):
            mask[g.duration :] = True
        elif last == BAR and self.meter < 0:
            mask[g.meter : g.position] = True
        else:
            mask[g.bar] = mask[g.end] = True
            mask[g.position + self.position + 1 : g.position + self.positions] = True
            if last == BAR:
                mask[g.meter : g.position] = True
                mask[g.meter + self.meter] = False
            elif last != METER:
                if last == POSITION:
                    mask[g.tempo : g.track] = True
                elif last == LONGEST:
                    mask[g.duration :] = True
                if g.has_tracks:
                    mask[g.track + self.track + 1 : g.pitch] = True
                if self.pitch >= 0 or not g.has_tracks:
                    mask[g.pitch + self.pitch + 1 : g.velocity] = True

    def push(self, symbol: int) -> None:
        """Goes one symbol on."""
        g = self.grammar
        kind = g.kinds[symbol]
        if kind == PITCH:
            self.pitch = symbol - g.pitch
        elif kind == POSITION:
            position = symbol - g.position
            self.seconds += (position - max(self.position, 0)) * self.step_s
            self.position, self.track, self.pitch = position, -1, -1
        elif kind == TRACK:
            self.track, self.pitch = symbol - g.track, -1
        elif kind == BAR:
            if self.bars:
                self.seconds += (self.length - max(self.position, 0)) * self.step_s
                self.begin += g.bar_ticks[self.meter]
            self.bars += 1
            self.position = self.track = self.pitch = -1
        elif kind == METER:
            self.meter = symbol - g.meter
            self.length, self.positions = g.lengths[self.meter], g.positions[self.meter]
            if self.bars == 1:
                self.first_length = self.length
            elif self.bars == 2:
                self.pickup = int(self.first_length < self.length)
        elif kind == TEMPO:
            self.step_s = g.step_s[symbol - g.tempo]
        self.last = kind
