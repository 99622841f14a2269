"""How loud a sound is, and what makes it as loud as others. Pure functions on samples; knows nothing of notes.

Loudness after ITU-R BS.1770-5 (2023), annex 1: two filters that weigh frequencies as the ear does, mean squares over
blocks of 400 ms that overlap by three quarters, and two gates, so that rests and quiet passages do not count. The true
peak after annex 2: the highest point between samples, by interpolation at four times the rate.

Legend: N frames, C channels. All work in stretches, so that an hour needs no second copy.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Powers = npt.NDArray[np.float64]
Filter = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

TARGET = -16.0  # LUFS: what streaming services play stereo music at
CEILING = -1.0  # dBFS that the true peak must not pass
BLOCK_S, OVERLAP = 0.4, 4
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0  # LUFS; LU below the mean of what passed the first
STRETCH = 10  # seconds that are looked at at once
NEAR = 0.6  # of the highest sample: the true peak lies beside samples that reach so far
TAPS = 32  # samples that a value between two of them is computed from


def factor(samples: Samples, rate: int) -> float:
    """What to multiply `samples` ([N, C]) by so that they reach `TARGET` and their true peak stays under `CEILING`.

    Where the peak would pass the ceiling, the whole is quieter than the target: nothing is limited or bent. What is too
    short or too quiet to have a loudness is judged by its peak alone; silence stays as it is.
    """
    peak = true_peak(samples)
    if peak <= 1e-7:
        return 1.0
    highest = 10 ** (CEILING / 20) / peak
    loudness = integrated(samples, rate)
    if loudness is None:
        return highest
    return min(highest, float(10 ** ((TARGET - loudness) / 20)))


def integrated(samples: Samples, rate: int) -> float | None:
    """The loudness of [N, C] samples in LUFS; None for less than 400 ms, or if nothing passes the gates.

    C: left and right (or one); surround channels have other weights.
    """
    powers = block_powers(samples, rate)
    loud = powers[powers > _power(ABSOLUTE_GATE)]
    if not len(loud):
        return None
    loud = loud[loud > loud.mean() * 10 ** (RELATIVE_GATE / 10)]
    return float(-0.691 + 10 * math.log10(loud.mean()))


def block_powers(samples: Samples, rate: int) -> Powers:
    """The mean square after weighing, summed over channels, of each block of 400 ms; one every 100 ms."""
    from scipy.signal import lfilter

    hop = round(BLOCK_S * rate / OVERLAP)
    sums = []
    states = [np.zeros((samples.shape[1], 2)) for _ in weighing(rate)]
    for start in range(0, len(samples) // hop * hop, STRETCH * OVERLAP * hop):
        stretch: Any = samples[start : start + STRETCH * OVERLAP * hop].T
        for number, (over, under) in enumerate(weighing(rate)):
            stretch, states[number] = lfilter(over, under, stretch, zi=states[number])
        whole = stretch[:, : stretch.shape[1] // hop * hop].reshape(len(stretch), -1, hop)
        sums.append(np.einsum("cbh,cbh->b", whole, whole))
    hops = np.concatenate([*sums, np.zeros(0)])
    if len(hops) < OVERLAP:
        return np.zeros(0)
    total = np.concatenate([[0.0], np.cumsum(hops)])
    means: Powers = (total[OVERLAP:] - total[:-OVERLAP]) / (OVERLAP * hop)
    return means


@cache
def weighing(rate: int) -> tuple[Filter, Filter]:
    """The two filters of BS.1770 at any rate: a shelf of 4 dB above 1.7 kHz, and a high-pass at 38 Hz.

    The recommendation gives coefficients at 48 kHz; these are the analogue filters behind them, at `rate`.
    """
    quality, warped = 0.7071752369554196, math.tan(math.pi * 1681.974450955533 / rate)
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    first = 1 + warped / quality + warped**2
    under = np.array([1.0, 2 * (warped**2 - 1) / first, (1 - warped / quality + warped**2) / first])
    over = np.array([high + band * warped / quality + warped**2, 2 * (warped**2 - high), 0.0]) / first
    over[2] = (high - band * warped / quality + warped**2) / first
    quality, warped = 0.5003270373238773, math.tan(math.pi * 38.13547087602444 / rate)
    first = 1 + warped / quality + warped**2
    low = np.array([1.0, 2 * (warped**2 - 1) / first, (1 - warped / quality + warped**2) / first])
    return (over, under), (np.array([1.0, -2.0, 1.0]), low)


def true_peak(samples: Samples) -> float:
    """The highest absolute value of [N, C] samples or between them (at a quarter, a half and three quarters)."""
    channels = [samples[:, channel] for channel in range(samples.shape[1])]
    highest = max((float(max(channel.max(), -channel.min())) for channel in channels if len(channel)), default=0.0)
    found = highest
    for channel in channels:
        for start in range(0, len(channel), 2**20):
            stretch = channel[start : start + 2**20]
            near = start + np.flatnonzero(np.abs(stretch) >= NEAR * highest)
            if highest and len(near):
                found = max(found, _between(channel, near))
    return found


def _between(channel: Samples, near: npt.NDArray[np.int64]) -> float:
    """The highest absolute value in the gaps before and after certain samples."""
    gaps = np.union1d(near - 1, near)  # the gap after each of these
    window = _interpolators()
    highest = 0.0
    for part in np.array_split(gaps, len(gaps) // 2**16 + 1):
        places = part[:, None] + np.arange(1 - TAPS // 2, TAPS // 2 + 1)
        inside = (places >= 0) & (places < len(channel))
        around = np.where(inside, channel[np.clip(places, 0, len(channel) - 1)], 0)
        highest = max(highest, float(np.abs(np.einsum("gt,ti->gi", around, window)).max()))
    return highest


@cache
def _interpolators() -> Samples:
    """[TAPS, 3] weights of the samples around a gap at its three inner quarters: a windowed sinc."""
    distance = np.arange(1 - TAPS // 2, TAPS // 2 + 1)[:, None] - np.array([0.25, 0.5, 0.75])
    weights = np.sinc(distance) * np.cos(np.pi * distance / (TAPS + 1)) ** 2
    found: Samples = (weights / weights.sum(axis=0)).astype(np.float32)
    return found


def _power(loudness: float) -> float:
    return float(10 ** ((loudness + 0.691) / 10))
