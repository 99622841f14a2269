"""Music that is played while it is composed: steps written out by hand, a clock that tests move, a real MIDI port."""

import io
import os
import re
import sys
import time
from threading import Event, current_thread
from types import SimpleNamespace

import mido
import numpy as np
import pytest
from mido import sockets

from erato import live, live_sinks
from erato.errors import EratoError, UsageError
from erato.live import NoteEvent, Player, Schedule, Steps
from erato.reporter import Reporter
from erato.representations import Keystates, KeystatesConfig

STEPS = ["100", "101", "011", "000", "001"]  # of the keys 60, 61, 62, half a second each
EVENTS = [
    (0.0, "on", 60),
    (0.5, "on", 62),
    (1.0, "off", 60),
    (1.0, "on", 61),
    (1.5, "off", 61),
    (1.5, "off", 62),
    (2.0, "on", 62),
    (2.5, "off", 62),
]


def bits(*steps):
    """The key states of steps written as "101"."""
    return np.array([int(key) for step in steps for key in step], np.int8)


def told(events):
    return [(event.seconds, "on" if event.on else "off", event.pitch) for event in events]


def on(seconds, pitch):
    return NoteEvent(seconds, True, pitch)


def off(seconds, pitch):
    return NoteEvent(seconds, False, pitch)


# --- key states as events


def test_keys_go_down_and_up_where_their_states_change():
    steps = Steps(3, 60, 0.5)
    assert told(steps.push(bits(*STEPS)) + steps.close()) == EVENTS
    assert steps.seconds == 2.5


@pytest.mark.parametrize("sizes", [[1] * 15, [3] * 5, [2, 5, 1, 7], [4, 4, 4, 3], [14, 1], [0, 15]])
def test_blocks_of_any_size_give_the_same_events(sizes):
    steps, events, states = Steps(3, 60, 0.5), [], bits(*STEPS)
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        events += steps.push(states[end - size : end])
        assert steps.seconds == end // 3 * 0.5  # no more than whole steps
    assert told(events + steps.close()) == EVENTS


def test_single_states_as_one_by_one_sampling_gives_them():
    steps = Steps(3, 60, 0.5)
    events = [event for state in bits(*STEPS) for event in steps.push(np.asarray(state))]
    assert told(events + steps.close()) == EVENTS


def test_a_note_is_held_over_the_border_of_blocks():
    steps = Steps(3, 60, 0.5)
    assert told(steps.push(bits("010", "010"))) == [(0.0, "on", 61)]
    assert steps.push(bits("010")) == []
    assert told(steps.push(bits("010", "000"))) == [(2.0, "off", 61)]
    assert steps.close() == []


def test_a_step_that_was_not_finished_is_silent_above():
    steps = Steps(3, 60, 0.5)
    assert told(steps.push(bits("111", "11"))) == [(0.0, "on", 60), (0.0, "on", 61), (0.0, "on", 62)]
    assert told(steps.close()) == [(0.5, "off", 62), (1.0, "off", 60), (1.0, "off", 61)]


def test_no_note_sounds_beyond_the_end():
    steps = Steps(3, 60, 0.5, end=0.7)
    assert told(steps.push(bits("100", "100")) + steps.close()) == [(0.0, "on", 60), (0.7, "off", 60)]


# --- when they are due


def test_the_music_begins_when_its_lead_is_there():
    schedule = Schedule(0.5, 8.0)
    schedule.add([on(0.0, 60)], 0.4)
    assert schedule.next(100.0) == (None, None)
    schedule.add([on(0.5, 61)], 0.5)
    assert schedule.next(100.0) == (on(0.0, 60), None)
    assert schedule.next(100.1) == (None, pytest.approx(0.4))
    assert schedule.next(100.5) == (on(0.5, 61), None)


def test_a_piece_shorter_than_the_lead_begins_when_it_is_whole():
    schedule = Schedule(0.5, 8.0)
    schedule.add([on(0.0, 60), off(0.1, 60)], 0.1)
    assert schedule.next(7.0) == (None, None)
    schedule.closed = True
    assert schedule.next(7.0) == (on(0.0, 60), None)
    assert schedule.next(7.1) == (off(0.1, 60), None)
    assert not schedule.over
    assert schedule.next(7.1) == (None, None)
    assert schedule.over
    assert (schedule.waits, schedule.waited) == (0, 0.0)


def test_where_no_more_is_there_the_music_stands_still_and_goes_on_from_there():
    schedule = Schedule(0.5, 8.0)
    schedule.add([on(0.0, 60)], 0.5)
    assert schedule.next(10.0) == (on(0.0, 60), None)
    assert schedule.next(10.2) == (None, pytest.approx(0.3))  # silence is music, too
    assert schedule.next(10.5) == (None, live.HELD_S)  # the note is held
    assert schedule.position(11.0) == 0.5
    schedule.add([off(0.6, 60), on(1.0, 61)], 0.9)
    assert schedule.next(11.0)[0] is None  # less than the lead
    schedule.add([], 1.0)
    assert schedule.next(11.5) == (None, pytest.approx(0.1))
    assert schedule.next(11.6) == (off(0.6, 60), None)
    assert schedule.next(12.0) == (on(1.0, 61), None)
    assert (schedule.waits, schedule.waited) == (1, pytest.approx(1.0))
    assert schedule.next(12.0) == (None, live.HELD_S)
    schedule.add([off(1.5, 61)], 1.5)
    assert schedule.next(13.0)[0] is None  # the second time twice as much must be there
    schedule.add([], 2.0)
    assert schedule.next(13.0) == (None, pytest.approx(0.5))
    assert (schedule.waits, schedule.waited) == (2, pytest.approx(2.0))


def test_what_must_be_there_grows_no_further_than_what_is_composed_ahead():
    schedule, now = Schedule(0.5, 1.5), 0.0
    leads = []
    for _ in range(5):
        schedule.add([], schedule.until + 8.0)
        assert schedule.next(now)[1] == pytest.approx(8.0)
        assert schedule.next(now + 8.0) == (None, None)
        leads.append(schedule.lead)
        now += 9.0
    assert leads == [0.5, 1.0, 1.5, 1.5, 1.5]


def test_notes_that_sound_too_long_are_released_once_and_not_struck_again():
    schedule = Schedule(0.5, 8.0)
    schedule.add([on(0.0, 60), on(0.0, 62)], 0.5)
    assert [schedule.next(0.0)[0] for _ in range(2)] == [on(0.0, 60), on(0.0, 62)]
    assert schedule.next(0.5) == (None, live.HELD_S)
    assert schedule.next(0.5 + live.HELD_S) == (off(0.5, 60), None)
    assert schedule.next(0.5 + live.HELD_S) == (off(0.5, 62), None)
    assert schedule.next(0.5 + live.HELD_S) == (None, None)
    schedule.add([off(0.7, 60), on(0.8, 60), off(1.0, 60), off(1.0, 62)], 1.0)
    schedule.closed = True
    assert schedule.next(9.2) == (None, pytest.approx(0.2))
    assert schedule.next(9.4) == (None, pytest.approx(0.1))  # nothing that sounds ends here
    assert schedule.next(9.5) == (on(0.8, 60), None)
    assert schedule.next(9.7) == (off(1.0, 60), None)
    assert schedule.next(9.7) == (None, None)
    assert schedule.over


def test_after_a_long_sleep_the_music_goes_on_where_it_was():
    schedule = Schedule(0.5, 8.0)
    schedule.add([on(0.0, 60), off(1.0, 60), on(1.5, 61)], 4.0)
    assert schedule.next(0.0) == (on(0.0, 60), None)
    assert schedule.next(60.0) == (off(1.0, 60), None)
    assert schedule.next(60.0) == (None, pytest.approx(0.5))
    assert schedule.next(60.5 + live.LATE_S / 2) == (on(1.5, 61), None)  # a little late is made up for
    assert schedule.position(61.0) == pytest.approx(2.0)


def test_music_that_was_not_sent_counts_as_ahead_however_late_it_is():
    schedule = Schedule(0.5, 8.0)
    schedule.add([on(0.0, 60), off(1.0, 60)], 4.0)
    assert schedule.ahead(0.0) == 4.0
    schedule.next(0.0)
    assert schedule.ahead(0.75) == 3.25
    assert schedule.ahead(3.0) == 3.0  # the sink has not come back from the first note


def test_all_that_sounds_is_released_at_once():
    schedule = Schedule(0.5, 8.0)
    schedule.add([on(0.0, 64), on(0.0, 60), on(0.1, 62), off(0.2, 60)], 4.0)
    assert [schedule.next(now)[0] for now in (5.0, 5.0, 5.2, 5.2)] == [
        on(0.0, 64),
        on(0.0, 60),
        on(0.1, 62),
        off(0.2, 60),
    ]
    assert schedule.release(5.5) == [off(0.5, 62), off(0.5, 64)]
    assert schedule.release(5.5) == []


# --- the player


class Time:
    """A clock that stands but for the waiting of the thread that plays, which it does at once."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def wait(self, news, seconds):
        if current_thread().name == "erato-live" and seconds is not None:
            self.now += seconds
        else:
            news.wait(1.0)


def gone(player):
    player._thread.join(5)
    return not player._thread.is_alive()


def test_every_event_is_sent_in_order_when_its_time_has_come():
    clock, heard = Time(), []
    player = Player(
        lambda event: heard.append((clock.now - 1000.0, event)), Steps(3, 60, 0.5), 1e6, 1e6, clock, clock.wait
    )
    with player:
        for block in np.split(bits(*STEPS), [4, 5, 11]):
            player.hear(block)
        assert heard == []  # the lead is longer than the piece
        player.finish()
    assert told(event for _, event in heard) == EVENTS
    assert [at for at, _ in heard] == pytest.approx([seconds for seconds, _, _ in EVENTS])
    assert gone(player)


def test_composing_waits_where_it_is_too_far_ahead():
    heard, far = [], []
    with Player(heard.append, Steps(3, 60, 0.01), lead=0.02, ahead=0.05) as player:
        for _ in range(20):
            player.hear(bits("100", "000"))
            far.append(player.schedule.ahead(time.monotonic()))
        assert max(far) <= 0.05 + 1e-6
        assert heard
        player.finish()
    assert len(heard) == 40
    assert told(heard)[-1] == (pytest.approx(0.39), "off", 60)


def test_what_is_composed_too_late_is_heard_later_and_whole():
    heard, struck = [], Event()

    def sink(event):
        heard.append(event)
        struck.set()

    with Player(sink, Steps(3, 60, 0.01), lead=0.02) as player:
        player.hear(bits("100", "100"))
        assert struck.wait(5)
        while player.schedule._zero is not None:  # until the two steps are over
            time.sleep(0.001)
        player.hear(bits("101", "010", "010"))
        player.finish()
    assert told(heard) == [
        (0.0, "on", 60),
        (0.02, "on", 62),
        (0.03, "off", 60),
        (0.03, "off", 62),
        (0.03, "on", 61),
        (0.05, "off", 61),
    ]
    assert player.schedule.waits >= 1
    assert player.schedule.waited > 0


@pytest.mark.parametrize("failing", [off(0.01, 60), on(0.01, 62)])
def test_an_error_of_the_sink_reaches_who_composes_and_all_notes_are_released(failing):
    heard = []

    def sink(event):
        heard.append(event)
        if event == failing and heard.count(event) == 1:
            raise BrokenPipeError("nobody listens")

    player = Player(sink, Steps(3, 60, 0.01), lead=0.01, ahead=1e6)
    with pytest.raises(BrokenPipeError, match="nobody listens"), player:
        player.hear(bits("110", "011", "011", "011"))
        player.finish()
    assert gone(player)
    released = [event.pitch for event in heard[heard.index(failing) + 1 :]]
    assert all(not event.on for event in heard[heard.index(failing) + 1 :])
    assert released == ([60, 61] if failing.pitch == 60 else [61, 62])


def test_an_error_of_the_sink_ends_composing_that_waits():
    def sink(event):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), Player(sink, Steps(3, 60, 1.0), lead=1.0, ahead=2.0) as player:
        while True:  # would be an hour before long
            player.hear(bits("100", "000"))
    assert gone(player)


def test_an_interruption_releases_all_notes_and_nothing_else_is_heard():
    heard, struck = [], Event()

    def sink(event):
        heard.append(event)
        if len(heard) == 2:
            struck.set()

    with pytest.raises(KeyboardInterrupt), Player(sink, Steps(3, 60, 100.0), lead=1.0, ahead=1e6) as player:
        player.hear(bits("101", "110"))
        assert struck.wait(5)
        raise KeyboardInterrupt
    assert gone(player)
    assert [(event.on, event.pitch) for event in heard] == [(True, 60), (True, 62), (False, 60), (False, 62)]
    assert heard[2].seconds < 100


def test_a_sink_that_does_not_come_back_hangs_nothing(monkeypatch):
    monkeypatch.setattr(live, "_LEAVE_S", 0.01)
    stuck, leave = Event(), Event()

    def sink(event):
        stuck.set()
        leave.wait(10)

    with pytest.raises(KeyboardInterrupt), Player(sink, Steps(3, 60, 1.0), lead=1.0) as player:
        player.hear(bits("100"))
        assert stuck.wait(5)
        raise KeyboardInterrupt
    leave.set()
    assert gone(player)


# --- a run that is played


class Notes(Reporter):
    def __init__(self):
        self.notes, self.shown = [], []

    def note(self, text):
        self.notes.append(text)

    def progress(self, done, total, what):
        self.shown.append((done, total, what))


class Composing:
    """Stands for a run of three keys from 60 on, a hundred steps a second: composes `blocks`, after `before` each."""

    def __init__(self, *blocks, before=lambda: None):
        self.blocks, self.before, self.asked = blocks, before, None
        self.representation = Keystates(KeystatesConfig(min_key_index=60, num_keys=3, steps_per_second=100.0))

    def sample(self, prompt, *, heard, reporter, **asked):
        self.asked = {"prompt": prompt, **asked}
        for block in self.blocks:
            self.before()
            heard(block)
            reporter.progress(1, 2, "composing, 0.9 times real time")
        return ["the piece"]


def test_a_run_is_played_with_what_it_was_asked():
    run, heard, kept, notes = Composing(bits("100", "1"), bits("10", "001")), [], [], Notes()
    piece = live.play(
        run, heard.append, "x.mid", lead=0.01, composed=kept.append, reporter=notes, seed=3, seconds=0.03, top_k=2
    )
    assert (piece, kept) == ("the piece", ["the piece"])
    assert run.asked == {"prompt": "x.mid", "seed": 3, "seconds": 0.03, "top_k": 2}
    assert told(heard) == [
        (0.0, "on", 60),
        (0.01, "on", 61),
        (0.02, "off", 60),
        (0.02, "off", 61),
        (0.02, "on", 62),
        (0.03, "off", 62),
    ]
    assert notes.notes == []  # too short for a pace
    assert notes.shown == [(1, 2, "composing while it plays: seconds of music")] * 2


def test_the_piece_is_kept_where_its_end_is_not_heard():
    def stopped(event):
        raise KeyboardInterrupt

    kept = []
    with pytest.raises(KeyboardInterrupt):
        live.play(Composing(bits("100", "010")), stopped, composed=kept.append)
    assert kept == ["the piece"]


def test_a_piece_that_did_not_end_is_not_kept():
    def interrupted():
        raise KeyboardInterrupt

    kept = []
    with pytest.raises(KeyboardInterrupt):
        live.play(Composing(bits("100"), before=interrupted), kept.append, composed=kept.append)
    assert kept == []


def test_how_long_the_music_waited_is_told():
    run, notes = Composing(bits("100"), bits("010"), before=lambda: time.sleep(0.25)), Notes()
    live.play(run, lambda event: None, lead=0.01, reporter=notes)
    (said,) = notes.notes
    assert re.fullmatch(r"Composing was slower than the music: it waited \d+ times?, \d+\.\d seconds in all\.", said)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ([5.0, 5.05, 5.11], "Composing at 9.1 times real time."),
        (
            [5.0, 5.5, 7.0],
            "Composing at 0.5 times real time, slower than the music, which will stand still at times.",
        ),
        ([5.0, 5.0, 5.0], "Composing at 1000.0 times real time."),
    ],
)
def test_the_pace_is_told_after_a_second_of_music(seconds, said):
    notes, clock = Notes(), iter([*seconds, 50.0])
    pace = live._Pace(notes, 1.0, lambda: next(clock))
    pace.tell(0.1)
    pace.tell(0.9)
    assert notes.notes == []
    pace.tell(1.1)
    pace.tell(2.5)  # once only
    assert notes.notes == [said]


def test_the_pace_is_told_before_a_second_of_music_where_that_does_not_come():
    notes, clock = Notes(), iter([0.0, 5.0, 10.0])
    pace = live._Pace(notes, 1.0, lambda: next(clock))
    for music in (0.0, 0.1, 0.2):
        pace.tell(music)
    assert notes.notes[0].startswith("Composing at 0.0 times real time, slower than the music")


def test_what_cannot_be_played_is_refused():
    other = SimpleNamespace(representation=SimpleNamespace(space="symbols of 90 kinds"))
    with pytest.raises(UsageError, match=r"only runs of key states, as pianonet, .* symbols of 90 kinds"):
        live.play(other, print)
    with pytest.raises(UsageError, match=r"one piece is played .* not 3"):
        live.play(Composing(), print, n=3)
    with pytest.raises(UsageError, match="a beam search knows its piece only at the end"):
        live.play(Composing(), print, beams=object())


# --- where events go


def test_lines_of_text():
    stream = io.StringIO()
    send = live_sinks.lines(stream)
    send(on(1.25, 60))
    send(off(1.5, 70))
    assert stream.getvalue() == "1.250\ton\tC4\t60\n1.500\toff\tB-4\t70\n"


def test_lines_are_written_at_once_and_after_what_was_written_before():
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb", buffering=0) as pipe, os.fdopen(writes, "w") as stream:
        stream.write("before\n")
        live_sinks.lines(stream)(on(0.5, 127))
        assert pipe.read(100) == b"before\n0.500\ton\tG9\t127\n"


@pytest.fixture
def port(monkeypatch):
    """The name of a MIDI port, and what gives the input where what is sent to it arrives, once it is open.

    A virtual port of the system where there is one (ALSA, JACK, CoreMIDI); elsewhere mido's own, over TCP.
    """
    try:
        virtual = mido.open_input("Erato test", virtual=True)
    except (OSError, ImportError, NotImplementedError):
        with sockets.PortServer("127.0.0.1", 0) as server:
            number = server._socket.getsockname()[1]
            monkeypatch.setattr(mido, "get_output_names", lambda: ["Erato test", "Synth input port"])
            inlets = []

            def opened(name):
                output = sockets.connect("127.0.0.1", number)
                inlets.append(server.accept())
                return output

            monkeypatch.setattr(mido, "open_output", opened)
            yield "Erato test", lambda: inlets[-1]
            for inlet in inlets:
                inlet.close()
    else:
        with virtual:
            yield next(name for name in mido.get_output_names() if "Erato test" in name), lambda: virtual


def received(inlet, count):
    """`count` messages, as soon as they are there, in a few seconds at most."""
    messages, late = [], time.monotonic() + 5
    while len(messages) < count and time.monotonic() < late:
        messages += inlet.iter_pending()
        time.sleep(0.005)
    return messages


def test_a_run_is_played_on_a_midi_port(port):
    name, inlet = port
    run, notes = Composing(bits("100", "110", "010", "000")), Notes()
    with live_sinks.opened(name[: len(name) - 2].upper(), program="violin", reporter=notes) as sink:
        live.play(run, sink, lead=0.01, reporter=notes)
    assert [message.bytes() for message in received(inlet(), 5)] == [
        [0xC0, 40],
        [0x90, 60, 80],
        [0x90, 61, 80],
        [0x80, 60, 80],
        [0x80, 61, 80],
    ]
    assert notes.notes == [f"The MIDI port {name} is open."]


def test_a_midi_port_that_fails_is_one_sentence():
    def send(message):
        raise OSError("unplugged")

    with pytest.raises(EratoError, match="the MIDI port Piano takes no more notes: unplugged"):
        live_sinks.midi(SimpleNamespace(name="Piano", send=send))(on(0.0, 60))


PORTS = ["Midi Through:Midi Through Port-0 14:0", "FLUID Synth (77):Synth input port 128:0", "FLUID Synth", "Digital"]


def test_a_port_is_found_by_its_name_or_how_it_begins():
    assert live_sinks._named("Digital", PORTS) == "Digital"
    assert live_sinks._named("midi th", PORTS) == PORTS[0]
    assert live_sinks._named("FLUID Synth", PORTS) == "FLUID Synth"  # not the longer one
    assert live_sinks._named("FLUID Synth (77", PORTS) == PORTS[1]
    assert live_sinks._named("Twice", ["Twice", "Twice"]) == "Twice"


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("FLUID", r"several MIDI output ports begin with 'FLUID': FLUID Synth, FLUID Synth \(77\):.*: give more"),
        (
            "Midi Thru",
            r"unknown MIDI output port 'Midi Thru': did you mean Midi Through:Midi .*\? There is Digital, FL",
        ),
        ("xyz", r"unknown MIDI output port 'xyz': There is Digital, FLUID Synth, FLUID Synth \(77\).*, Midi Through"),
    ],
)
def test_a_port_that_is_not_there_is_a_sentence_with_those_that_are(port, said):
    with pytest.raises(UsageError, match=said):
        live_sinks._named(port, PORTS)


def test_where_there_is_no_port_the_sentence_says_so():
    with pytest.raises(UsageError, match="unknown MIDI output port 'Piano': there is none here"):
        live_sinks._named("Piano", [])


def failing(error):
    def fail(*arguments, **keywords):
        raise error

    return fail


@pytest.mark.parametrize("name", ["virtual", "Piano"])
def test_a_system_without_midi_is_one_sentence(name, monkeypatch):
    monkeypatch.setattr(mido, "get_output_names", failing(OSError("no sequencer.")))
    monkeypatch.setattr(mido, "open_output", failing(NotImplementedError("no sequencer.")))
    what = "a virtual MIDI port" if name == "virtual" else "the MIDI port 'Piano'"
    with pytest.raises(UsageError) as caught, live_sinks.opened(name):
        pass
    assert str(caught.value) == f"this system does not open {what} (no sequencer): give - for standard output."


def test_a_new_port_is_called_erato(monkeypatch):
    class Port(SimpleNamespace):
        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.closed = True

    made, notes = [], Notes()
    monkeypatch.setattr(mido, "open_output", lambda name, virtual=False: made.append(Port(name=name)) or made[-1])
    with live_sinks.opened("virtual", reporter=notes):
        pass
    assert [vars(port) for port in made] == [{"name": "Erato", "closed": True}]
    assert notes.notes == ["The MIDI port Erato is open: connect what is to play it."]


def test_what_is_not_installed_is_named(monkeypatch):
    said = r'mido and python-rtmidi, which are not installed: pip install "erato\[live\]"'
    with monkeypatch.context() as patch:
        patch.setattr(mido, "get_output_names", failing(ModuleNotFoundError("rtmidi")))
        with pytest.raises(UsageError, match=said), live_sinks.opened("Piano"):
            pass
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(UsageError, match=said), live_sinks.opened("Piano"):
        pass
    with live_sinks.opened("-") as sink:  # needs neither
        assert callable(sink)
