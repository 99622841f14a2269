"""Music while it is composed: blocks of key states in, notes that go down and up out, each when its time has come.

Composing runs ahead in the thread that calls, at most some seconds; another thread sends what is due, to a MIDI port,
to lines of text, or to a function. Where composing is slower than the music, the music stands still until there is
more.
`Steps` and `Schedule` are plain computations and know no clock; `Player` has the thread, `play` the run.
"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Any

import numpy as np

from erato.composing import Sample
from erato.errors import UsageError
from erato.reporter import Reporter
from erato.representations import Keystates
from erato.representations.base import Array
from erato.run import Run
from erato.score import Piece

LEAD_S, AHEAD_S = 0.5, 8.0  # seconds of music that are there before it begins, and that are composed ahead at most
HELD_S = 2.0  # how long notes sound on where the music stands still
PACE_S, PATIENCE_S = 1.0, 10.0  # the pace is told after so much music, or after so many seconds
LATE_S = 0.5  # what is later is not made up for
_SOON_S = 1e-6  # nearer than that is now
_NAP_S = 0.02  # composing looks no more often whether it may go on
_LEAVE_S = 2.0  # how long a sink that does not return is waited for


@dataclass(frozen=True)
class NoteEvent:
    """A key that goes down (`on`) or up, `seconds` of music after the beginning; pitch: its MIDI number."""

    seconds: float
    on: bool
    pitch: int


Sink = Callable[[NoteEvent], None]  # called in the thread that plays


class Steps:
    """Key states, in blocks of any size, as events: at each step first the keys that go up, then those that go down.

    keys: of a step; lowest: the pitch of the first; step_s: seconds a step; end: no note sounds beyond these seconds.
    """

    def __init__(self, keys: int, lowest: int, step_s: float, end: float | None = None) -> None:
        self.keys, self.lowest, self.step_s, self.end = keys, lowest, step_s, end
        self._steps = 0  # whole ones
        self._begun: Array = np.empty(0, np.int8)  # of the step after them
        self._down = np.zeros(keys, np.bool_)

    @property
    def seconds(self) -> float:
        """Of music that is certain."""
        return self._steps * self.step_s

    def push(self, states: Array) -> list[NoteEvent]:
        """What the next key states add, as far as their steps are whole."""
        known = np.concatenate([self._begun, np.ravel(states)])
        whole = len(known) // self.keys * self.keys
        self._begun = known[whole:]
        events: list[NoteEvent] = []
        for down in known[:whole].reshape(-1, self.keys) == 1:
            events += self._turned(self._down & ~down, False, self.seconds)
            events += self._turned(down & ~self._down, True, self.seconds)
            self._down, self._steps = down, self._steps + 1
        return events

    def close(self) -> list[NoteEvent]:
        """What is left: a step that was not finished is silent above, and all keys go up at the end."""
        events = self.push(np.zeros(-len(self._begun) % self.keys, np.int8))
        at = self.seconds if self.end is None else min(self.seconds, self.end)
        events += self._turned(self._down, False, at)
        self._down = np.zeros(self.keys, np.bool_)
        return events

    def _turned(self, keys: Array, on: bool, at: float) -> list[NoteEvent]:
        return [NoteEvent(at, on, self.lowest + int(key)) for key in np.flatnonzero(keys)]


class Schedule:
    """When each event is due, by a clock that is told.

    The music begins when `lead` seconds of it are there, or all. Where no more is there it stands still until it has a
    lead again, each time twice that of before, at most `most`. Notes sound on meanwhile for `HELD_S` seconds and are
    then released; they are not struck again. Where it was not asked for long (the process slept, a sink was slow) it
    goes on from where it was.
    """

    def __init__(self, lead: float, most: float) -> None:
        self.lead, self.most = lead, most
        self.until = 0.0  # seconds of music that are there
        self.closed = self.over = False  # no more comes; all was sent
        self.sounding: set[int] = set()
        self.waits, self.waited = 0, 0.0  # how often the music stood still and went on, and how many seconds
        self._events: deque[NoteEvent] = deque()
        self._zero: float | None = None  # what the clock says at second 0 of the music; None: it stands
        self._stands, self._needed = 0.0, lead
        self._since: float | None = None  # when it last ran out of music; None: never yet

    def add(self, events: list[NoteEvent], until: float) -> None:
        """More music: its events, in order, and the second up to which all of them are there."""
        self._events.extend(events)
        self.until = until

    def position(self, now: float) -> float:
        """The second of the music that is due."""
        return self._stands if self._zero is None else now - self._zero

    def ahead(self, now: float) -> float:
        """Seconds of music that are there and were not sent."""
        position = self.position(now)
        return self.until - (min(position, self._events[0].seconds) if self._events else position)

    def next(self, now: float) -> tuple[NoteEvent | None, float | None]:
        """The event that is due, or how many seconds nothing will be; None and None: until there is more music."""
        if self._zero is None:
            if self.until < self._needed and not self.closed:
                return self._stand(now)
            self._go_on(now)
        position = self.position(now)
        if self._events and (late := position - self._events[0].seconds) > LATE_S:
            self._zero, position = now - self._events[0].seconds, position - late
        while self._events and self._events[0].seconds <= position + _SOON_S:
            event = self._events.popleft()
            if event.on:
                self.sounding.add(event.pitch)
            elif event.pitch in self.sounding:
                self.sounding.remove(event.pitch)
            else:  # was released before
                continue
            return event, None
        if self._events:
            return None, self._events[0].seconds - position
        if self.closed:
            self.over = True
            return None, None
        if position < self.until - _SOON_S:
            return None, self.until - position
        if self._since is not None:
            self.lead = min(2 * self.lead, self.most)
        self._zero, self._since, self._stands, self._needed = None, now, self.until, self.until + self.lead
        return self._stand(now)

    def release(self, now: float) -> list[NoteEvent]:
        """All that sounds goes up now."""
        events = [NoteEvent(self.position(now), False, pitch) for pitch in sorted(self.sounding)]
        self.sounding.clear()
        return events

    def _stand(self, now: float) -> tuple[NoteEvent | None, float | None]:
        if self._since is None or not self.sounding:
            return None, None
        if (held := self._since + HELD_S - now) > _SOON_S:
            return None, held
        pitch = min(self.sounding)
        self.sounding.remove(pitch)
        return NoteEvent(self._stands, False, pitch), None

    def _go_on(self, now: float) -> None:
        if self._since is not None:
            self.waits, self.waited = self.waits + 1, self.waited + now - self._since
        self._zero = now - self._stands


class Player:
    """Sends the events of key states to `sink` in a thread of its own; whatever happens, no note is left sounding.

    As a context: `hear` takes key states, `finish` waits until all was heard, and leaving it before that ends the
    music. ahead: seconds of music that may wait to be heard; clock: seconds, monotonic; wait: waits for news so many
    seconds at most, or as long as it takes.
    """

    def __init__(
        self,
        sink: Sink,
        steps: Steps,
        lead: float = LEAD_S,
        ahead: float = AHEAD_S,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[Condition, float | None], Any] = Condition.wait,
    ) -> None:
        self.sink, self.steps, self.ahead = sink, steps, max(lead, ahead)
        self.schedule = Schedule(lead, self.ahead)
        self._clock, self._wait = clock, wait
        self._news = Condition()  # and the lock of all that both threads use
        self._stopped = self._ended = False
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="erato-live", daemon=True)

    def __enter__(self) -> "Player":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._news:
            self._stopped = True
            self._news.notify_all()
        self._thread.join(_LEAVE_S)

    def hear(self, states: Array) -> None:
        """The next key states; returns when the music is near enough. Raises what the sink raised."""
        with self._news:
            self._add(self.steps.push(states))
            while not self._ended and (far := self.schedule.ahead(self._clock()) - self.ahead) > _SOON_S:
                self._wait(self._news, max(far, _NAP_S))
            self._raise()

    def finish(self) -> None:
        """No more comes: returns when all was heard. Raises what the sink raised."""
        with self._news:
            self.schedule.closed = True
            self._add(self.steps.close())
            while not self._ended:
                self._wait(self._news, 1.0)  # not for ever, so that Ctrl-C is heard everywhere
            self._raise()

    def _add(self, events: list[NoteEvent]) -> None:
        self.schedule.add(events, self.steps.seconds)
        self._news.notify_all()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while (event := self._due()) is not None:
                self._send(event)
        except BaseException as error:  # belongs to the thread that composes
            self._error = error
        for event in self.schedule.release(self._clock()):
            with suppress(BaseException):  # as what failed may fail again
                self.sink(event)
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _send(self, event: NoteEvent) -> None:
        try:
            self.sink(event)
        except BaseException:
            self.schedule.sounding.add(event.pitch)  # nobody knows
            raise

    def _due(self) -> NoteEvent | None:
        """The next event, when its time has come; None: there is none."""
        with self._news:
            while not self._stopped:
                event, rest = self.schedule.next(self._clock())
                if event is not None or self.schedule.over:
                    return event
                self._wait(self._news, rest)
        return None


def playable(run: Run) -> Keystates:
    """The representation of a run that can be played while it composes; UsageError for any other."""
    representation = run.representation
    if not isinstance(representation, Keystates):
        raise UsageError(
            f"only runs of key states, as pianonet, are played while they compose, and this is one of "
            f"{representation.space}: play the file that it writes."
        )
    return representation


def play(
    run: Run,
    sink: Sink,
    prompt: Piece | Path | None = None,
    *,
    composed: Callable[[Sample], None] | None = None,
    lead: float = LEAD_S,
    ahead: float = AHEAD_S,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Sample:
    """Composes a piece with a run of key states, and sends what is new of it to `sink` in real time.

    sink: called with each event when it is due, in a thread of its own, as `erato.live_sinks` makes one. composed:
    called with the whole piece when it has ended, even where its end was not heard because of Ctrl-C or the sink. lead,
    ahead: seconds of music that are composed before it begins, and before they are heard at most. settings: as
    `Run.sample` takes them, but for several pieces and beams. Raises UsageError for what cannot be played, what the
    sink raises, and KeyboardInterrupt, after every note that sounded was released.
    """
    reporter = reporter or Reporter()
    representation = playable(run)
    if settings.get("n", 1) != 1:
        raise UsageError(f"one piece is played while it is composed, not {settings['n']}: choose n=1, or play none.")
    if settings.get("beams") is not None:
        raise UsageError("a beam search knows its piece only at the end: leave out the beams, or play none.")
    space = representation.space
    steps = Steps(space.keys, representation.config.min_key_index, space.step_s, settings.get("seconds"))
    player = Player(sink, steps, lead, ahead)
    pace = _Pace(reporter, min(PACE_S, player.ahead))

    def heard(states: Array) -> None:
        player.hear(states)
        pace.tell(steps.seconds)

    whole: list[Sample] = []
    try:
        with player:
            whole = run.sample(prompt, heard=heard, reporter=_WhilePlaying(reporter), **settings)
            player.finish()
    finally:
        if whole and composed is not None:
            composed(whole[0])
        if waits := player.schedule.waits:
            reporter.note(
                f"Composing was slower than the music: it waited {waits} {'time' if waits == 1 else 'times'}, "
                f"{player.schedule.waited:.1f} seconds in all."
            )
    return whole[0]


class _WhilePlaying(Reporter):
    """Says how much music there is, not how fast it came: composing waits for the music."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter

    def note(self, text: str) -> None:
        self.reporter.note(text)

    def progress(self, done: int, total: int | None, what: str) -> None:
        self.reporter.progress(done, total, "composing while it plays: seconds of music")


class _Pace:
    """Tells once how fast the music comes, when `music` seconds of it followed the first, or after `PATIENCE_S`."""

    def __init__(self, reporter: Reporter, music: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.reporter, self._enough, self._clock = reporter, music, clock
        self._first: tuple[float, float] | None = None  # seconds of music, and what the clock said
        self._told = False

    def tell(self, music: float) -> None:
        now = self._clock()
        if self._first is None:
            self._first = music, now
        music, took = music - self._first[0], now - self._first[1]
        if self._told or music <= 0 or (music < self._enough - _SOON_S and took < PATIENCE_S):
            return
        self._told, times = True, music / max(took, 1e-3)
        slower = ", slower than the music, which will stand still at times" if times < 1 else ""
        self.reporter.note(f"Composing at {times:.1f} times real time{slower}.")
