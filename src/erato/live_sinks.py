"""Where notes go that are played: lines of text, and MIDI ports. Events of `erato.live` in; knows nothing of when."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, TextIO

from erato.errors import EratoError, UsageError
from erato.general_midi import program_number
from erato.live import NoteEvent, Sink
from erato.reporter import Reporter
from erato.representations.note_chords import note_name
from erato.representations.pianoroll import VELOCITY

LINES, VIRTUAL = "-", "virtual"  # in place of the name of a port
NAME = "Erato"  # of the virtual port


def lines(stream: TextIO) -> Sink:
    """A sink that writes a line an event, at once: seconds, on or off, the pitch's name and number, between tabs."""
    stream.flush()
    try:
        number: int | None = stream.fileno()
    except (OSError, AttributeError):
        number = None

    def send(event: NoteEvent) -> None:
        name, state = note_name(event.pitch), "on" if event.on else "off"
        line = f"{event.seconds:.3f}\t{state}\t{name}\t{event.pitch}\n"
        if number is None:
            stream.write(line)
            stream.flush()
        else:  # past the buffer, whose lock would hang the process where nobody reads
            os.write(number, line.encode())

    return send


def midi(output: Any) -> Sink:
    """A sink that sends to an open output port of mido."""
    message = _mido().Message

    def send(event: NoteEvent) -> None:
        kind = "note_on" if event.on else "note_off"
        try:
            output.send(message(kind, note=event.pitch, velocity=VELOCITY))
        except OSError as error:
            raise EratoError(f"the MIDI port {output.name} takes no more notes: {error}.") from None

    return send


@contextmanager
def opened(port: str, program: str | None = None, reporter: Reporter | None = None) -> Iterator[Sink]:
    """A sink for a name: "-" is standard output, "virtual" a new MIDI port, all else the MIDI port that begins so.

    program: what the port is told to play it with. Raises UsageError where there is no such port.
    """
    if port == LINES:
        yield lines(sys.stdout)
        return
    mido, reporter = _mido(), reporter or Reporter()
    number = None if program is None else program_number(program)
    try:
        name = NAME if port == VIRTUAL else _named(port, mido.get_output_names())
        output = mido.open_output(name, virtual=True) if port == VIRTUAL else mido.open_output(name)
    except ImportError:
        raise _missing() from None
    except (OSError, NotImplementedError) as error:
        what = "a virtual MIDI port" if port == VIRTUAL else f"the MIDI port {port!r}"
        raise UsageError(
            f"this system does not open {what} ({str(error).rstrip('.')}): give - for standard output."
        ) from None
    with output:
        reporter.note(f"The MIDI port {name} is open{': connect what is to play it' if port == VIRTUAL else ''}.")
        if number is not None:
            output.send(mido.Message("program_change", program=number))
        yield midi(output)


def _mido() -> Any:
    try:
        import mido
    except ImportError:
        raise _missing() from None
    return mido


def _missing() -> UsageError:
    return UsageError('MIDI ports need mido and python-rtmidi, which are not installed: pip install "erato[live]".')


def _named(port: str, names: list[str]) -> str:
    """The one of `names` that is or begins like `port`, whatever its case; UsageError for none and for several."""
    names = sorted(set(names))
    found = [name for name in names if name == port] or [
        name for name in names if name.casefold().startswith(port.casefold())
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"several MIDI output ports begin with {port!r}: {', '.join(found)}: give more of the name.")
    if not names:
        raise UsageError(f"unknown MIDI output port {port!r}: there is none here; start or connect an instrument.")
    short = {name.split(":")[0].casefold(): name for name in names}
    close = get_close_matches(port.casefold(), short, n=1, cutoff=0.5)
    hint = f"did you mean {short[close[0]]}? " if close else ""
    raise UsageError(f"unknown MIDI output port {port!r}: {hint}There is {', '.join(names)}.")
