"""Samples to the bytes of a compressed file, by libsndfile. Knows nothing of pieces or of what a file says of itself.

It encodes in stretches (Vorbis in a single call has ended the process) and into memory: libsndfile calls Python to
write, and what is raised there, as by Ctrl-C or a full disk, would be printed and lost.
"""

import io
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from erato.renderers.loudness import Samples

STRETCH = 65_536  # frames
_STOPS = (signal.SIGINT, signal.SIGTERM)


def encoded(samples: Samples, rate: int, said: Mapping[str, str], whole: bool = False, **settings: Any) -> bytes:
    """A file of `samples` (frames, channels) at `rate` frames a second.

    said: its texts, by libsndfile's names. whole: as numbers of 16 bits. settings: those of `soundfile.SoundFile`.
    """
    import soundfile

    made = io.BytesIO()
    with ExitStack() as closing:
        with _undisturbed():
            out = soundfile.SoundFile(made, "w", samplerate=rate, channels=samples.shape[1], **settings)
            closing.callback(_close, out)
            for name, text in said.items():
                setattr(out, name, text)
        for stretch in stretches(samples):
            with _undisturbed():
                out.write(whole_numbers(stretch) if whole else np.ascontiguousarray(stretch))
    return made.getvalue()


def stretches(samples: Samples) -> Iterator[Samples]:
    """The samples, part after part."""
    for start in range(0, len(samples), STRETCH):
        yield samples[start : start + STRETCH]


def whole_numbers(stretch: Samples) -> Any:
    """Samples of 16 bits."""
    return np.ascontiguousarray(np.round(np.clip(stretch, -1, 1) * 32767), "<i2")


def _close(out: Any) -> None:
    with _undisturbed():
        out.close()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keeps signals to stop until the block ends."""
    before = {number: signal.getsignal(number) for number in _STOPS}
    if threading.current_thread() is not threading.main_thread():
        yield  # they are handled in the main thread only
        return
    caught: list[tuple[int, Any]] = []
    ours = {number: handler for number, handler in before.items() if callable(handler)}
    for number in ours:
        signal.signal(number, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        for caught_number, frame in caught[:1]:
            ours[signal.Signals(caught_number)](caught_number, frame)
