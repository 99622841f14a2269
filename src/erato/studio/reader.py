"""Files that a person hands in, read where they can do no harm: bytes and a name in, pieces out.

MIDI and text are read by scanners of our own, in the thread that asks; all else by libraries, in a process that exists
for that and may die of it. (To fork this one, which has many threads, would not be safe.) Knows nothing of takes.
"""

from erato import reading
from erato.reading import Limits, Reading
from erato.reading.guard import died, expendable, too_slow
from erato.studio.apart import Apart, Ended, TooLong

_SECONDS = 120.0  # by the clock, however busy the machine; by the processor's, the reader itself is stricter
_HERE = ("midi", "text")


class Reader:
    """Reads files, for any thread."""

    def __init__(self, limits: Limits, seconds: float = _SECONDS) -> None:
        self._limits, self._seconds, self._apart = limits, seconds, Apart()

    def read(self, data: bytes, name: str) -> Reading:
        """The pieces of a file; ReadError says why there are none."""
        if reading.SUFFIXES.get(reading.suffix_of(name), "text") in _HERE:
            return reading.read_bytes(data, name, self._limits)
        try:
            found: Reading = self._apart.ask(_read, data, name, self._limits, seconds=self._seconds)
        except TooLong:
            raise too_slow(name) from None
        except Ended:
            raise died(name) from None
        return found

    def close(self) -> None:
        """Ends the process."""
        self._apart.close()


def _read(data: bytes, name: str, limits: Limits) -> Reading:
    expendable()
    return reading.read_bytes(data, name, limits)
