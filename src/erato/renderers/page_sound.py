"""A score to the sound that a page plays: MP3, which every browser knows. In: a score. Out: bytes, how long they last.

The bit rate is constant. In a file of a variable one browsers guess where a second lies: Chromium played up to half a
second away from where its clock, and with it the playhead, said that it was.
"""

from typing import Any

from erato.renderers.encoding import encoded
from erato.score import Score

RATE = 32_000  # frames a second
STEREO_S = 30.0  # longer sound is in mono: 480 kB a minute
_STEREO, _MONO = 0.8, 0.87  # what libsndfile calls compression: 96 and 64 kbit a second


def page_sound(score: Score) -> tuple[bytes, float]:
    """What a score sounds like, as MP3, and how long that is in seconds; needs about 1.5 s for a minute."""
    from erato.renderers.synthesis import sound

    made = sound(score, rate=RATE)
    stereo = made.seconds <= STEREO_S
    samples = made.samples if stereo else made.samples.mean(axis=1, keepdims=True)
    kind: dict[str, Any] = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}
    return encoded(samples, RATE, {}, compression_level=_STEREO if stereo else _MONO, **kind), made.seconds
