"""What a person sees of a long call: a bar on a terminal, lines elsewhere, notes alone beside JSON."""

import io
import sys
from types import SimpleNamespace

import pytest

from erato import progress
from erato.training import Progress

EVALUATION = {"step": 40, "valid_loss": 1.5, "best": True}
AT_40 = Progress(40, 0.25, loss=1.25, per_second=12345.6, seconds_left=75.9, evaluation=EVALUATION)
SAID_AT_40 = "step 40: loss 1.2500, held out 1.5000 (best so far), 12,346 symbols/s, 1:15 left"
AT_41 = Progress(41, 0.26, loss=1.2, per_second=999.0, seconds_left=3605.0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(reporter):
    """What `reporter` writes to standard error of a run of the loop."""
    with reporter:
        reporter.progress(3, 9, "looking")
        reporter.progress(4, None, "looking")
        reporter.note("12 pieces [bold]to learn[/bold]")
        reporter.training(AT_41)
        reporter.training(AT_40)


def test_lines_say_every_evaluation_and_no_other_step(capsys):
    shown(progress.reporter(quiet=False))
    said = capsys.readouterr()
    assert said.err.splitlines() == ["12 pieces [bold]to learn[/bold]", SAID_AT_40]
    assert said.out == ""


def test_a_loss_that_is_no_better_is_not_called_the_best(capsys):
    worse = Progress(40, 0.25, 1.25, 12345.6, 5.0, {**EVALUATION, "best": False})
    progress.reporter(quiet=False).training(worse)
    assert capsys.readouterr().err == "step 40: loss 1.2500, held out 1.5000, 12,346 symbols/s, 0:05 left\n"


def test_lines_say_how_far_other_steps_are_every_five_seconds(capsys, monkeypatch):
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(progress, "time", clock)
    lines = progress.reporter(quiet=False)
    for now, done, total in [(1, 1, 9), (6, 3, 9), (8, 4, 9), (10.9, 5, 9), (12, 40, None)]:
        clock.now = now
        lines.progress(done, total, "looking")
    assert capsys.readouterr().err.splitlines() == ["looking: 3 of 9", "looking: 40"]


def test_beside_json_there_are_notes_alone(capsys, monkeypatch):
    shown(progress.reporter(quiet=True))
    assert capsys.readouterr() == ("", "12 pieces [bold]to learn[/bold]\n")
    monkeypatch.setattr(sys, "stderr", Terminal())
    shown(progress.reporter(quiet=True))
    assert sys.stderr.getvalue() == "12 pieces [bold]to learn[/bold]\n"


def test_a_terminal_has_a_bar_that_ends(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", Terminal())
    bar = progress.reporter(quiet=False)
    with bar:
        bar.progress(3, 9, "looking")
        bar.note("12 pieces [bold]to learn[/bold]")
        bar.training(AT_40)
        bar.training(AT_41)
    written = sys.stderr.getvalue()
    assert "12 pieces [bold]to learn[/bold]" in written
    assert SAID_AT_40 in written
    assert "loss 1.2000, 999 symbols/s, 60:05 left" in written  # in the bar: nothing was evaluated
    assert "step 41" not in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1  # the cursor is hidden and comes back


def test_a_bar_ends_when_the_call_fails(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyboardInterrupt), progress.reporter(quiet=False):
        raise KeyboardInterrupt
    assert sys.stderr.getvalue().count("\x1b[?25h") == 1


def test_a_bar_needs_no_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    shown(progress._Bar())
    written = capsys.readouterr().err
    assert "12 pieces [bold]to learn[/bold]" in written
    assert SAID_AT_40 in written
