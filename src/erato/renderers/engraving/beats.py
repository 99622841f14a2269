"""The beats of music that was played freely. In: a score whose bars mean nothing. Out: a `Timeline` of heard bars.

Beats are the row of times that best meets loud, low and thick onsets at a slowly changing tempo (dynamic programming
after D. Ellis, Beat Tracking by Dynamic Programming, 2007, over onsets instead of sound); bars are where accents fall.
"""

import numpy as np

from erato.renderers.engraving.paths import cheapest
from erato.renderers.engraving.sheet import UNIT, Measure
from erato.renderers.engraving.timeline import Timeline
from erato.score import DEFAULT_MSPQ, Floats, Ints, Score, end_tick, seconds_at

_HOP = 0.02  # seconds a step of the onset curve
_SLOWEST, _FASTEST, _USUAL = 1.25, 0.28, 0.52  # seconds a beat
_TIGHT = 60.0  # how much a change of tempo costs
_RATIOS = np.array([[1, 0.5], [2, 1.0], [3, 0.35], [4, 0.9]])  # beats of so many usual gaps, and how readable they are
_CHORD = 0.04  # seconds within which onsets are one


def heard(score: Score) -> Timeline:
    """Bars and beats as they are heard in a performance; what was estimated is in `said`."""
    onsets, weights, low = _onsets(score)
    beats = _beats(onsets, weights, float(seconds_at(score, np.array([end_tick(score)]))[0]), _said_beat(score))
    meter, phase = _meter(beats, onsets, weights, low)
    thirds = _in_thirds(beats, onsets)
    beat = UNIT * 3 // 2 if thirds else UNIT
    signature = (3 * meter, 8) if thirds else (meter, 4)
    rate = float(np.median(60.0 / np.diff(beats)))
    measures = _measures(len(beats) - 1, meter, phase, beat, signature)

    def at(ticks: Floats) -> Floats:
        times = seconds_at(score, np.asarray(ticks).astype(np.int64))
        result: Floats = np.interp(times, beats, np.arange(len(beats)) * float(beat))
        return result

    said = f"beats (about {rate:.0f} a minute), bars of {signature[0]}/{signature[1]} and note values are estimates"
    tempos = [(0, round(rate * beat / UNIT, 1), True)]
    return Timeline(measures, at, 0.0, tempos, True, [f"This was played, not written: {said}."])


def _in_thirds(beats: Floats, onsets: Floats) -> bool:
    """Whether beats fall into three rather than into two or four."""
    place = np.interp(onsets, beats, np.arange(len(beats)))
    part = place - np.floor(place)
    three = (np.abs(part - 1 / 3) < 0.07) | (np.abs(part - 2 / 3) < 0.07)
    two = (np.abs(part - 1 / 2) < 0.07) | (np.abs(part - 1 / 4) < 0.045) | (np.abs(part - 3 / 4) < 0.045)
    return bool(three.sum() > 1.4 * two.sum())


def _said_beat(score: Score) -> float | None:
    """Seconds a beat where the file says a tempo of its own, and not what every file says that was played freely."""
    rates = {tempo.mspq for tempo in score.tempos}
    if len(rates) != 1 or rates == {DEFAULT_MSPQ}:
        return None
    seconds: float = rates.pop() / 1e6
    return seconds if _FASTEST <= seconds <= _SLOWEST else None


def _onsets(score: Score) -> tuple[Floats, Floats, Floats]:
    """(seconds, weight, lowest pitch) of what begins together: loud, long, low and thick weighs more."""
    rows = []
    for track in score.tracks:
        notes = track.notes.numpy()
        if not len(notes["time"]):
            continue
        begin = seconds_at(score, notes["time"].astype(np.int64))
        end = seconds_at(score, notes["time"].astype(np.int64) + notes["duration"])
        rows.append(np.stack([begin, np.clip(end - begin, 0.05, 2.0), notes["pitch"], notes["velocity"]], axis=1))
    all_notes = np.concatenate(rows)
    all_notes = all_notes[np.argsort(all_notes[:, 0], kind="stable")]
    groups = np.split(all_notes, np.flatnonzero(np.diff(all_notes[:, 0]) > _CHORD) + 1)
    times = np.array([np.average(group[:, 0], weights=group[:, 3] + 1) for group in groups])
    low = np.array([group[:, 2].min() for group in groups])
    around = np.array([np.median(low[max(0, place - 6) : place + 7]) for place in range(len(low))])
    weights = np.array(
        [(group[:, 3].max() / 127) * (1 + 0.5 * np.log(len(group)) + 0.6 * group[:, 1].max()) for group in groups]
    )
    weights += 0.5 * np.clip((around - low) / 6, 0, 1.5)  # lower than what is around it
    weights[0] += 1.0
    return times, weights, low


def _curve(times: Floats, weights: Floats, length: float) -> Floats:
    """The onsets as a curve of steps of `_HOP`, each a bump as wide as players are exact."""
    curve = np.zeros(int(length / _HOP) + 8)
    place = times / _HOP
    left = np.floor(place).astype(np.int64)
    np.add.at(curve, left, weights * (1 - (place - left)))
    np.add.at(curve, left + 1, weights * (place - left))
    bump = np.exp(-0.5 * (np.arange(-4, 5) * _HOP / 0.025) ** 2)
    result: Floats = np.convolve(curve, bump, mode="same")
    return result / max(1e-9, float(result.std()))


def _beats(times: Floats, weights: Floats, end: float, said: float | None) -> Floats:
    """The times of the beats in seconds, from the first onset or before to the end of the piece or after."""
    curve = _curve(times, weights, end)
    gaps = np.diff(times)
    periods = _periods(curve, _usual_gap(gaps), said)
    score = np.zeros(len(curve))
    came = np.full(len(curve), -1, dtype=np.int64)
    for now in range(len(curve)):
        period = periods[now]
        first, last = now - 2 * period, now - period // 2
        if last < 0:
            score[now] = curve[now]
            continue
        first = max(0, first)
        steps = now - np.arange(first, last + 1)
        ways = score[first : last + 1] - _TIGHT * np.log(steps / period) ** 2
        best = int(ways.argmax())
        if ways[best] > 0:
            score[now], came[now] = curve[now] + ways[best], first + best
        else:
            score[now] = curve[now]
    tail = max(1, int(1.2 * np.median(periods)))
    now = len(curve) - tail + int(score[-tail:].argmax())
    found = [now]
    while came[now] >= 0:
        now = int(came[now])
        found.append(now)
    beats = _nearest(np.array(found[::-1]) * _HOP, times, weights)
    return _covering(beats, float(times[0]), end)


def _usual_gap(gaps: Floats) -> float:
    """The time from onset to onset that is the most frequent, in seconds."""
    near = gaps[(gaps > 0.06) & (gaps < _SLOWEST)]
    if not len(near):
        return _USUAL / 2
    places = np.log2(near)
    heights = np.exp(-0.5 * ((places[:, None] - places[None, :]) / 0.1) ** 2).sum(axis=1)
    return float(2 ** places[heights.argmax()])


def _periods(curve: Floats, gap: float, said: float | None) -> Ints:
    """The period of the beat around each step: the best row of autocorrelation peaks, which changes slowly.

    gap: seconds from onset to onset, as a rule; beats of two or four of them are the easiest to read. said: seconds a
    beat as the file says, where it says it.
    """
    lags = np.arange(int(_FASTEST / _HOP), int(_SLOWEST / _HOP) + 1)
    width, hop = int(8.0 / _HOP), int(1.0 / _HOP)
    prior = np.exp(-0.5 * (np.log2(lags * _HOP / _USUAL) / 0.8) ** 2)
    ratios = np.log2(lags[:, None] * _HOP / (gap * _RATIOS[:, 0]))
    prior *= 0.15 + (_RATIOS[:, 1] * np.exp(-0.5 * (ratios / 0.12) ** 2)).max(axis=1)
    if said is not None:
        prior *= np.exp(-0.5 * (np.log2(lags * _HOP / said) / 0.15) ** 2)
    centres = np.arange(0, len(curve), hop)
    strengths = np.zeros((len(centres), len(lags)))
    padded = np.pad(curve, (width // 2, width // 2 + 2 * lags[-1]))
    for row, centre in enumerate(centres):
        part = padded[centre : centre + width]
        part = part - part.mean()
        for column, lag in enumerate(lags):
            both = padded[centre + lag : centre + lag + width]
            strengths[row, column] = part @ both + 0.5 * (part @ padded[centre + 2 * lag : centre + 2 * lag + width])
    strengths = np.maximum(strengths, 0) / (np.abs(strengths).max(axis=1, keepdims=True) + 1e-9) * prior
    leap = 10.0 * np.abs(np.log2(lags[:, None] / lags[None, :]))
    chosen = lags[cheapest(-strengths, lambda _: leap)]
    result: Ints = np.rint(np.interp(np.arange(len(curve)), centres, chosen)).astype(np.int64)
    return result


def _nearest(beats: Floats, times: Floats, weights: Floats) -> Floats:
    """The beats moved to the onset that they mean, where one is near."""
    place = np.searchsorted(times, beats)
    result = beats.copy()
    for index, (beat, at) in enumerate(zip(beats.tolist(), place.tolist(), strict=True)):
        near = [one for one in (at - 1, at) if 0 <= one < len(times) and abs(times[one] - beat) < 0.06]
        if near:
            result[index] = times[max(near, key=lambda one: weights[one] - 5 * abs(times[one] - beat))]
    keep = np.concatenate([[True], np.diff(result) > 0.1])
    moved: Floats = result[keep]
    return moved


def _covering(beats: Floats, first: float, end: float) -> Floats:
    """The beats with more before and after, so that all notes lie between them."""
    if len(beats) < 2:
        beats = np.array([first, first + _USUAL]) if not len(beats) else np.array([beats[0], beats[0] + _USUAL])
    found = beats.tolist()
    early = float(np.median(np.diff(beats[:5])))
    late = float(np.median(np.diff(beats[-5:])))
    while found[0] > first + 0.03:
        found.insert(0, found[0] - early)
    while len(found) > 2 and found[1] <= first + 0.03:
        found.pop(0)
    while found[-1] < end:
        found.append(found[-1] + late)
    return np.array(found)


def _meter(beats: Floats, onsets: Floats, weights: Floats, low: Floats) -> tuple[int, int]:
    """(beats a bar, which beat of the row begins a bar): where the heavy and low onsets come back."""
    place = np.rint(np.interp(onsets, beats, np.arange(len(beats)))).astype(np.int64)
    near = np.abs(beats[place] - onsets) < 0.08
    accent = np.zeros(len(beats))
    np.maximum.at(accent, place[near], weights[near] + 0.04 * np.maximum(0, 60 - low[near]))
    best = (-1.0, 4, 0)
    for meter, usual in ((4, 1.0), (3, 1.0), (2, 0.9)):
        for phase in range(meter):
            on = accent[phase::meter]
            off = np.delete(accent, np.arange(phase, len(accent), meter))
            if not len(on) or not len(off):
                continue
            contrast = usual * float(on.mean() - off.mean()) * np.sqrt(meter / 4)
            if contrast > best[0] + 1e-9:
                best = (contrast, meter, phase)
    return best[1], best[2]


def _measures(count: int, meter: int, phase: int, beat: int, signature: tuple[int, int]) -> list[Measure]:
    """Bars over `count` beats of `beat` units, the first full one at beat `phase`."""
    measures = []
    if phase:
        measures.append(Measure(0, 0, phase * beat, *signature, True, True))
    at = phase
    while at < count or not measures:
        number = len(measures) + (0 if phase else 1)
        measures.append(Measure(number, at * beat, meter * beat, *signature, False, not measures))
        at += meter
    return measures
