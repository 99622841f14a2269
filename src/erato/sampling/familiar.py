"""What training melodies go on with after so many of their notes: tokens of their lines in, a table out, and lookups.

A passage is known by a 64-bit hash of its tokens, so that two different ones are taken for the same by chance once in
about 10^12 lookups; then a note too many is refused, never one too few. Knows nothing of pieces, pitches and of how
symbols are drawn. Legend: N notes of a passage, L tokens of all lines, P different passages, M ways to go on.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from erato.errors import UsageError
from erato.passages import NO_TOKEN, Line, Tokens

LEAST, MOST = 2, 64  # notes
_RHYTHMS = 8  # of a token
_CODES = 256 * _RHYTHMS
_WRAP = (1 << 64) - 1


@dataclass(frozen=True, eq=False)
class Familiar:
    """The passages of N notes of training melodies, and the notes that follow each there.

    notes: N. passages: [P] uint64, the hash of each, ascending; begins: [P + 1] where the tokens of the notes after it
    begin in tokens: [M] int16, different ones of each passage. The first step of a passage has no rhythm, as there is
    nothing to compare it to.
    """

    notes: int
    passages: npt.NDArray[np.uint64]
    begins: npt.NDArray[np.int64]
    tokens: Tokens

    def after(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        """The tokens that follow a passage of N notes, of its N - 1 tokens; () where no training melody has it."""
        first, *others = self._numbers
        found = first[tokens[0] // _RHYTHMS * _RHYTHMS]
        for place, token in enumerate(tokens[1:]):
            found += others[place][token]
        found &= _WRAP
        at = int(self.passages.searchsorted(np.uint64(found)))
        if at == len(self.passages) or int(self.passages[at]) != found:
            return ()
        return tuple(self.tokens[self.begins[at] : self.begins[at + 1]].tolist())

    @cached_property
    def digest(self) -> str:
        """The sha256 of all that decides what is refused."""
        found = hashlib.sha256(str(self.notes).encode())
        for part in (self.passages, self.begins, self.tokens):
            found.update(part.astype(part.dtype.newbyteorder("<")).tobytes())
        return found.hexdigest()

    def too_long(self, line: Line, since: int = 0) -> npt.NDArray[np.int64]:
        """The places of notes of a line, from tick `since` on, with which a passage becomes longer than N notes."""
        tokens = line.tokens.tolist()
        places = range(self.notes, len(line))
        found = [
            place
            for place in places
            if line.onset[place] >= since
            and tokens[place - 1] in self.after(tuple(tokens[place - self.notes : place - 1]))
        ]
        return np.array(found, np.int64)

    @cached_property
    def _numbers(self) -> list[list[int]]:
        numbers: list[list[int]] = _hashes(self.notes - 1).tolist()
        return numbers


def familiar(lines: Tokens, notes: int) -> Familiar:
    """What goes on after passages of `notes` notes in training melodies, lines: [L] their tokens, NO_TOKEN between two.

    UsageError for a number of notes that is not allowed.
    """
    refuse_notes(notes)
    size = len(lines) - notes + 1  # passages of one note more, which have as many tokens
    if size < 1:
        return Familiar(notes, np.empty(0, np.uint64), np.zeros(1, np.int64), np.empty(0, np.int16))
    breaks = np.concatenate(([0], np.cumsum(lines == NO_TOKEN)))
    starts = np.flatnonzero(breaks[notes:] == breaks[:-notes])
    hashed = np.zeros(len(starts), np.uint64)
    for place, numbers in enumerate(_hashes(notes - 1)):
        token = lines[starts + place]
        hashed += numbers[token if place else token // _RHYTHMS * _RHYTHMS]
    tokens = lines[starts + notes - 1]
    order = np.lexsort((tokens, hashed))
    hashed, tokens = hashed[order], tokens[order]
    is_new = np.append(True, hashed[1:] != hashed[:-1])[: len(hashed)]
    kept = is_new | np.append(True, tokens[1:] != tokens[:-1])[: len(hashed)]
    hashed, tokens, is_new = hashed[kept], tokens[kept], is_new[kept]
    begins = np.append(np.flatnonzero(is_new), len(hashed)).astype(np.int64)
    return Familiar(notes, hashed[is_new], begins, tokens.astype(np.int16))


def refuse_notes(notes: int) -> None:
    """UsageError for a length of passages that cannot be asked for."""
    if not LEAST <= notes <= MOST:
        raise UsageError(f"original must be from {LEAST} to {MOST} notes, got {notes}.")


def _hashes(places: int) -> npt.NDArray[np.uint64]:
    """[places, codes] a number for each token at each place, whose sum is the hash: the same on every machine.

    (Zobrist 1970; the numbers are those of SplitMix64, Steele et al. 2014.)
    """
    with np.errstate(over="ignore"):
        z = np.arange(1, places * _CODES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: npt.NDArray[np.uint64] = (z ^ (z >> np.uint64(31))).reshape(places, _CODES)
    return found
