"""`erato compose --live`: what is played is what is written, where it is played, and what cannot be."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import mido
import pytest
from mido.ports import BaseOutput
from symusic import Score

from erato import live, live_sinks
from erato.representations.note_chords import note_name
from erato.score import seconds_at

SMALL = [
    *("--set", "model.filter_increments=2,2,2;2,2", "--set", "representation.num_augmentations_per_midi_file=2"),
    *("--set", "windows.length=4", "--set", "training.batch=2", "--set", "length=24", "--set", "listen_length=2"),
    *("--set", "objective.valid_each=1728"),
]
SECONDS = 0.5  # the length above: 48 steps of 72 keys a second


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def run_dir(erato, music_folder, kept, tmp_path):
    """A run of key states that has hardly learned, trained once for all tests."""
    if not kept.exists():
        code, _, err = erato("train", "pianonet", "--corpus", music_folder, "--steps", 2, "--out", kept, *SMALL)
        assert code == 0, err
    shutil.copytree(kept, tmp_path / "run")
    return "run"


def heard(out):
    """(onset, end, pitch) of the lines, in the order of onsets; each line says the same pitch twice."""
    notes, begun, before = [], {}, 0.0
    for line in out.splitlines():
        at, state, name, number = line.split("\t")
        assert float(at) >= before  # in order of time
        before, pitch = float(at), int(number)
        assert name == note_name(pitch)
        if state == "on":
            assert pitch not in begun
            begun[pitch] = before
        else:
            assert state == "off"
            notes.append((begun.pop(pitch), before, pitch))
    assert not begun  # nothing is left sounding
    return sorted(notes)


def written(path, after=0.0):
    """(onset, end, pitch) of a MIDI file, in seconds from `after` on."""
    score = Score(path)
    (track,) = score.tracks
    ends = seconds_at(score, track.notes.numpy()["time"] + track.notes.numpy()["duration"]) - after
    onsets = seconds_at(score, track.notes.numpy()["time"]) - after
    pitches = track.notes.numpy()["pitch"]
    return sorted(
        (max(0.0, float(a)), float(b), int(p)) for a, b, p in zip(onsets, ends, pitches, strict=True) if b > 1e-6
    )


def same(notes, others):
    assert [note[2] for note in sorted(notes, key=rounded)] == [note[2] for note in sorted(others, key=rounded)]
    for note, other in zip(sorted(notes, key=rounded), sorted(others, key=rounded), strict=True):
        assert note == pytest.approx(other, abs=0.001)


def rounded(note):
    return round(48 * note[0]), note[2]


@pytest.mark.parametrize("how", [["--live"], ["--live", "-"]])
def test_the_lines_that_are_heard_are_the_notes_that_are_written(erato, run_dir, how):
    code, out, err = erato("compose", run_dir, "--seconds", SECONDS, "--seed", 4, "--formats", "mid", *how)
    assert code == 0, err
    notes = heard(out)
    assert len(notes) > 10
    same(notes, written(f"{run_dir}/pieces/001-seed4.mid"))
    assert f"-> {run_dir}/pieces/001-seed4.mid" in err  # all else is said there


def test_the_piece_is_the_one_that_is_composed_unheard(erato, run_dir):
    options = ["--seconds", SECONDS, "--seed", 5, "--formats", "mid"]
    assert erato("compose", run_dir, *options, "--live")[0] == 0
    assert erato("compose", run_dir, *options)[0] == 0
    one, other = (Path(run_dir, "pieces", f"00{number}-seed5.mid").read_bytes() for number in (1, 2))
    assert one == other


def test_of_a_prompt_only_what_is_new_is_heard(erato, run_dir, make_score):
    make_score(bars=1).dump_midi("prompt.mid")  # two seconds, all of which sound to their end
    code, out, err = erato("compose", run_dir, "--prompt", "prompt.mid", "--seconds", 0.25, "--live")
    assert code == 0, err
    same(heard(out), written(f"{run_dir}/pieces/001-seed0.mid", after=2.0))


def test_without_a_length_the_recipes_is_played(erato, run_dir):
    code, out, err = erato("compose", run_dir, "--live")
    assert code == 0, err
    assert max(end for _, end, _ in heard(out)) == pytest.approx(0.5, abs=1 / 48)


class Port(BaseOutput):
    """A port of mido that keeps what is sent to it."""

    def __init__(self, name):
        self.sent = []
        super().__init__(name)

    def _send(self, message):
        self.sent.append(message)


def test_on_a_midi_port_the_results_are_printed_as_usual(erato, run_dir, monkeypatch):
    ports = []
    monkeypatch.setattr(mido, "get_output_names", lambda: ["Piano 1", "Strings"])
    monkeypatch.setattr(mido, "open_output", lambda name: ports.append(Port(name)) or ports[-1])
    options = ["--seconds", 0.25, "--formats", "mid", "--program", "violin", "--live", "piano"]
    code, out, err = erato("compose", run_dir, *options, "--json")
    assert code == 0, err
    (piece,) = json.loads(out)["pieces"]
    assert "The MIDI port Piano 1 is open." in err
    (port,) = ports
    assert (port.name, port.closed) == ("Piano 1", True)
    assert (port.sent[0].type, port.sent[0].program) == ("program_change", 40)
    notes = [message.note for message in port.sent if message.type == "note_on"]
    assert sorted(notes) == sorted(pitch for _, _, pitch in written(piece["path"]))
    assert len(port.sent) == 1 + 2 * len(notes)


@pytest.mark.parametrize("whole", [False, True])
def test_when_interrupted_all_notes_end_and_a_whole_piece_is_kept(erato, run_dir, monkeypatch, whole):
    real = live_sinks.lines

    def lines(stream):
        send, sent = real(stream), []

        def interrupting(event):
            send(event)
            sent.append(event)
            if len(sent) == 12:
                os.kill(os.getpid(), signal.SIGINT)

        return interrupting

    monkeypatch.setattr(live_sinks, "lines", lines)
    far = 10 if whole else 0.1  # heard when it is whole, or composed no further than it is heard
    monkeypatch.setattr(live.play, "__kwdefaults__", {**live.play.__kwdefaults__, "lead": far, "ahead": far})
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code, out, err = erato("compose", run_dir, "--seconds", 3, "--formats", "mid", "--live")
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 130
    assert err.splitlines()[-1] == "erato: stopped; what was finished is kept."
    notes = heard(out)  # all of them end
    assert 12 <= 2 * len(notes) < 200
    kept = Path(run_dir, "pieces", "001-seed0.mid")
    assert kept.exists() == whole
    assert (f"The piece was whole: {kept}, {kept.with_suffix('.json')}." in err) == whole


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--n", 2], "one piece is played while it is composed, not 2: choose n=1, or play none."),
        (["--beams", 2], "a beam search knows its piece only at the end: leave out the beams, or play none."),
        (["--json"], "--live and --json both write to standard output: leave one out, or play on a MIDI port."),
        (["--compare"], "what is compared is not played: leave out --live, or --compare."),
    ],
)
def test_what_cannot_be_played_is_one_sentence(erato, run_dir, options, said):
    assert erato("compose", run_dir, "--seconds", 1, "--live", *options) == (1, "", f"erato: {said}\n")


def test_a_port_that_is_not_there_is_one_sentence(erato, run_dir, monkeypatch):
    monkeypatch.setattr(mido, "get_output_names", lambda: ["Piano 1", "Strings"])
    code, out, err = erato("compose", run_dir, "--seconds", 1, "--live", "Pinao 1")
    assert (code, out) == (1, "")
    assert err == "erato: unknown MIDI output port 'Pinao 1': did you mean Piano 1? There is Piano 1, Strings.\n"


def test_lines_need_nothing_that_is_not_installed(erato, run_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "mido", None)
    assert erato("compose", run_dir, "--seconds", 0.1, "--live")[0] == 0
    code, _, err = erato("compose", run_dir, "--seconds", 0.1, "--live", "Piano")
    assert code == 1
    assert 'pip install "erato[live]"' in err


def test_a_run_of_text_is_not_played(erato, words_folder):
    small = [*("--set", "model.layers=1", "--set", "model.width=16", "--set", "model.heads=2", "--set", "length=10")]
    code, out, _ = erato("train", "char-transformer", "--corpus", words_folder, "--steps", 1, "--json", *small)
    assert code == 0
    code, out, err = erato("compose", json.loads(out)["run"], "--live")
    assert (code, out) == (1, "")
    assert err.startswith("erato: only runs of key states, as pianonet, are played while they compose, and this is one")
