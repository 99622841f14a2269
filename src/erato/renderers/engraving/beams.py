"""Which notes hang on one beam. In: the events of one voice in one bar. Out: their `beams`, filled in. Pure rules."""

from collections.abc import Sequence

from erato.renderers.engraving.rhythm import Meter
from erato.renderers.engraving.sheet import UNIT, Event

_BEAMS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}


def beam(events: Sequence[Event], meter: Meter) -> None:
    """Beams what lies within one group of beats; four eighths that fill half a bar of 4/4 share one."""
    groups: list[list[Event]] = []
    key: object = None
    for event in events:
        count = _BEAMS.get(event.value, 0)
        here = (_group_of(event.start, meter), None if event.tuplet is None else event.tuplet)
        if not count or not event.heads:
            key = None
            continue
        if here != key:
            groups.append([])
        groups[-1].append(event)
        key = here
    for group in _joined(groups, meter):
        _fill(group)


def _group_of(at: int, meter: Meter) -> int:
    return sum(at >= start for start in meter.groups)


def _joined(groups: list[list[Event]], meter: Meter) -> list[list[Event]]:
    """Two beats of plain eighths in one half of a bar of 4/4 as one group."""
    if (meter.beats, meter.denominator) not in ((4, 4), (2, 2)):
        return groups
    joined: list[list[Event]] = []
    for group in groups:
        before = joined[-1] if joined else []
        if (
            len(before) == 2
            and len(group) == 2
            and before[0].start % (2 * UNIT) == 0
            and group[0].start == before[0].start + UNIT
            and all(event.value == "eighth" and not event.dots and not event.tuplet for event in [*before, *group])
        ):
            before += group
        else:
            joined.append(group)
    return joined


def _fill(group: list[Event]) -> None:
    if len(group) < 2:
        return
    counts = [_BEAMS[event.value] for event in group]
    for index, event in enumerate(group):
        before = counts[index - 1] if index else 0
        after = counts[index + 1] if index + 1 < len(group) else 0
        for level in range(1, counts[index] + 1):
            left, right = before >= level, after >= level
            if left and right:
                event.beams.append("continue")
            elif right:
                event.beams.append("begin")
            elif left:
                event.beams.append("end")
            else:  # a hook points to the note that it belongs to
                back = index == len(group) - 1 or (index > 0 and not _on_beat(event, level))
                event.beams.append("backward hook" if back else "forward hook")


def _on_beat(event: Event, level: int) -> bool:
    return event.start % (UNIT >> (level - 1)) == 0
