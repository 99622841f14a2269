"""What is made of pieces, apart: once, kept by content, bounded, and a sentence where it cannot be."""

import os
import threading
import time

import numpy as np
import pytest
import soundfile
from symusic import Note, Score, Track

from erato.errors import EratoError, UsageError
from erato.studio import rendered
from erato.studio.apart import Apart, Ended, TooLong
from erato.studio.errors import NotThere, QueueFull
from erato.studio.project import Project
from erato.studio.rendered import Renders


@pytest.fixture(scope="module")
def renders(tmp_path_factory):
    found = Renders(Project(tmp_path_factory.mktemp("rendered")))
    yield found
    found.close()


@pytest.fixture
def digest(renders, make_score):
    return renders.project.keep_piece(make_score(bars=2))


class Counting(Apart):
    """Does tasks here, and counts them."""

    def __init__(self):
        super().__init__()
        self.tasks = []

    def ask(self, task, *arguments, seconds):
        self.tasks.append(arguments)
        time.sleep(0.05)
        return task(*arguments)


@pytest.fixture
def counted(tmp_path, make_score):
    """Renders whose tasks are counted, and the digest of a piece."""
    found = Renders(Project(tmp_path / "project"))
    found._pictures, found._sounds = Counting(), Counting()
    return found, found.project.keep_piece(make_score(bars=2))


def test_the_score_and_the_sound_of_a_piece(renders, digest):
    assert renders.pages(digest) == 1
    page = renders.page(digest, 1).read_text("utf-8")
    assert page.startswith("<svg")
    assert "<script" not in page
    for number in (0, 2, -1):
        with pytest.raises(NotThere, match="pages 1 to 1"):
            renders.page(digest, number)
    sound, rate = soundfile.read(renders.of_piece(digest, "music", "wav"))
    assert 4 <= len(sound) / rate < 8  # two bars at 120 quarters a minute, and what rings
    assert np.abs(sound).max() > 0.05


@pytest.mark.parametrize(
    ("format", "begins"),
    [
        ("musicxml", b"<?xml"),
        ("pdf", b"%PDF"),
        ("svg", b"<svg"),
        ("png", b"\x89PNG"),
        ("flac", b"fLaC"),
        ("ogg", b"OggS"),
    ],
)
def test_formats(renders, digest, format, begins):
    path = renders.of_piece(digest, "music", format, title="A <b>title</b>", facts={"seed": 3, "recipe": "r"})
    assert path.suffix == f".{format}"
    assert path.read_bytes().startswith(begins)


def test_a_page_says_how_a_piece_was_made_and_takes_no_markup_from_it(renders, digest):
    facts = {
        "seed": 3,
        "originality": {"said": "no"},
        "made": {"chords": "seed 5"},
        "origin": {"licence": "<i>mine</i>"},
    }
    page = renders.of_piece(digest, "music", "html", title="<script>alert(1)</script>", facts=facts).read_text("utf-8")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "seed 5" in page
    assert "&lt;i&gt;mine" in page


def test_what_is_kept_is_the_piece_itself(renders, digest):
    assert renders.of_piece(digest, "music", "mid") == renders.project.piece_path(digest, "music")
    words = renders.project.keep_piece("la la\n")
    assert renders.of_piece(words, "text", "txt").read_text("utf-8") == "la la\n"


def test_an_edit_is_seen_and_heard(renders, make_score):
    score = make_score(bars=2)
    before = renders.project.keep_piece(score)
    notes = list(score.tracks[0].notes)
    notes[2].pitch += 7
    score.tracks[0].notes.clear()
    score.tracks[0].notes.extend(notes)
    after = renders.project.keep_piece(score)
    assert renders.page(before, 1).read_bytes() != renders.page(after, 1).read_bytes()
    sounds = [renders.of_piece(one, "music", "wav").read_bytes() for one in (before, after)]
    assert sounds[0] != sounds[1]


def test_a_file_is_made_once_however_many_ask(counted):
    renders, digest = counted
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(renders.of_piece(digest, "music", "csv"))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 12
    assert len(renders._pictures.tasks) == 1
    renders.of_piece(digest, "music", "csv")
    assert len(renders._pictures.tasks) == 1
    renders.of_piece(digest, "music", "csv", title="Another")
    assert len(renders._pictures.tasks) == 2


def test_no_sound_waits_for_a_score(counted):
    renders, digest = counted
    begun, over = threading.Event(), threading.Event()

    def engraving(*arguments, seconds):
        begun.set()
        assert over.wait(20)

    renders._pictures.ask = engraving
    score = threading.Thread(target=lambda: renders.of_piece(digest, "music", "pdf"))
    score.start()
    assert begun.wait(20)
    assert renders.of_piece(digest, "music", "wav").read_bytes().startswith(b"RIFF")
    over.set()
    score.join()


def test_too_many_that_wait_are_told_to_come_again(counted, monkeypatch):
    monkeypatch.setattr(rendered, "MOST_WAITING", 2)
    renders, digest = Renders(counted[0].project), counted[1]
    renders._pictures = Counting()
    refused = []

    def ask(title):
        try:
            renders.of_piece(digest, "music", "csv", title=str(title))
        except QueueFull as error:
            refused.append(error.retry_after)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) + len(renders._pictures.tasks) == 8
    assert refused
    assert all(seconds > 0 for seconds in refused)


def test_what_is_kept_is_bounded_and_what_was_asked_for_least_lately_goes(counted):
    renders, digest = counted
    first = renders.of_piece(digest, "music", "csv", title="1")
    second = renders.of_piece(digest, "music", "csv", title="2")
    size = first.stat().st_size
    for number, path in enumerate((first, second)):
        os.utime(path, (100 + number, 100 + number))
    renders.of_piece(digest, "music", "csv", title="1")  # asked for again: now the newer one
    renders.most_bytes = 2 * size + 10
    third = renders.of_piece(digest, "music", "csv", title="3")
    assert [path.exists() for path in (first, second, third)] == [True, False, True]
    renders.most_bytes = 1
    fourth = renders.of_piece(digest, "music", "csv", title="4")
    assert [path.exists() for path in (first, third, fourth)] == [False, False, True]


@pytest.mark.parametrize(
    ("kind", "format", "said"),
    [
        ("music", "nope", "unknown suffix"),
        ("music", "../x", "unknown suffix"),
        ("text", "wav", "holds music"),
        ("text", "score.svg", "holds music"),
    ],
)
def test_what_there_is_no_such_thing_of(counted, kind, format, said):
    renders, digest = counted
    if kind == "text":
        digest = renders.project.keep_piece("la")
    with pytest.raises(UsageError, match=said):
        renders.of_piece(digest, kind, format)
    with pytest.raises(UsageError, match=said):  # and again
        renders.of_piece(digest, kind, format)
    assert not any((renders.folder).glob("*/*"))


def test_a_piece_that_is_gone_or_no_piece(counted):
    renders, _ = counted
    with pytest.raises(NotThere, match="is missing"):
        renders.of_piece("0" * 64, "music", "wav")
    with pytest.raises(EratoError):
        renders.pages("0" * 64)
    with pytest.raises(UsageError):
        renders.of_piece("../../etc/passwd", "music", "mid")


def test_music_that_is_too_long_for_sound_is_said(counted):
    renders, _ = counted
    score = Score(480)
    track = Track("a", 0, False)
    track.notes.extend([Note(0, 480, 60, 64), Note(480 * 2 * 60 * 90, 480, 60, 64)])
    score.tracks.append(track)
    with pytest.raises(UsageError, match="lasts 90 minutes, and sound is made of 20"):
        renders.of_piece(renders.project.keep_piece(score), "music", "wav")


def test_a_sample_of_a_run(counted, make_score, tmp_path):
    renders, _ = counted
    make_score(bars=1).dump_midi(tmp_path / "step1.mid")
    assert renders.of_file(tmp_path / "step1.mid", "csv").read_text("utf-8")
    assert renders.of_file(tmp_path / "step1.mid", "mid") == tmp_path / "step1.mid"
    with pytest.raises(NotThere):
        renders.of_file(tmp_path / "step2.mid", "csv")


def test_no_fault_of_ours_is_a_traceback_of_theirs(counted, monkeypatch, capsys):
    renders, digest = counted

    def broken(*arguments):
        raise ZeroDivisionError("secret path /home/me")

    monkeypatch.setattr(rendered, "_render", broken)
    with pytest.raises(UsageError, match=r"ZeroDivisionError\. This is a fault of Erato") as found:
        renders.of_piece(digest, "music", "wav")
    assert "/home/me" not in str(found.value)


# The process apart


@pytest.fixture(scope="module")
def apart():
    found = Apart()
    yield found
    found.close()


def test_one_process_does_many_tasks(apart):
    first, second = apart.ask(os.getpid, seconds=60), apart.ask(os.getpid, seconds=60)
    assert first == second != os.getpid()


def test_what_takes_too_long_is_ended_and_the_next_task_has_another_process(apart):
    first = apart.ask(os.getpid, seconds=60)
    with pytest.raises(TooLong):
        apart.ask(time.sleep, 60, seconds=0.2)
    assert apart.ask(os.getpid, seconds=60) != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_a_process_that_dies_costs_its_task_only(apart):
    with pytest.raises(Ended):
        apart.ask(os._exit, 7, seconds=60)
    assert apart.ask(os.getpid, seconds=60)


def test_errors_travel(apart):
    with pytest.raises(ValueError, match="invalid literal"):
        apart.ask(int, "no", seconds=60)
    with pytest.raises(RuntimeError):
        apart.ask(memoryview, b"what cannot travel", seconds=60)
    assert apart.ask(os.getpid, seconds=60)


def test_closing_ends_what_is_being_done():
    apart = Apart()
    process = apart.ask(os.getpid, seconds=60)
    caught = []

    def ask():
        try:
            apart.ask(time.sleep, 60, seconds=120)
        except Ended as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    apart.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(caught) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    apart.close()  # again


def test_time_that_runs_out_is_a_sentence(renders, digest, monkeypatch):
    def out_of_time(*arguments, seconds):
        raise TooLong

    monkeypatch.setattr(renders._sounds, "ask", out_of_time)
    with pytest.raises(UsageError, match="took longer than 120 s, and was given up"):
        renders.of_piece(digest, "music", "mp3")

    def ended(*arguments, seconds):
        raise Ended

    monkeypatch.setattr(renders._sounds, "ask", ended)
    with pytest.raises(EratoError, match="ended in the middle"):
        renders.of_piece(digest, "music", "mp3")


def test_a_piece_without_a_note(counted):
    renders, _ = counted
    digest = renders.project.keep_piece(Score(96))
    assert renders.project.piece(digest, "music").ticks_per_quarter == 96
    assert len(renders.project.piece(digest, "music").tracks) == 0
    assert renders.of_piece(digest, "music", "csv").is_file()
    assert renders.pages(digest) == 1


def test_the_curves_of_a_training(counted, tmp_path):
    renders, run = counted[0], tmp_path / "run"
    run.mkdir()
    (run / "recipe.json").write_text("{}")
    lines = [
        '{"step": 1, "valid_loss": 3.5, "train_loss": 4.0}\n',
        '{"step": 2, "valid_loss": 2.5, "train_loss": 3.0}\n',
    ]
    (run / "metrics.jsonl").write_text("")
    with pytest.raises(UsageError, match="no evaluation to draw yet"):
        renders.curves(run)
    found = []
    for count in (1, 2):
        (run / "metrics.jsonl").write_text("".join(lines[:count]))
        found.append(renders.curves(run).read_text("utf-8"))
    assert all("<svg" in one[:500] for one in found)
    assert found[0] != found[1]
    with pytest.raises(NotThere):
        renders.curves(tmp_path / "nowhere")
