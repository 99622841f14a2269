"""Being asked to stop: a training ends with code 130 and one sentence, and the same command goes on."""

import signal
import subprocess
import sys
import time

import pytest

from erato import cli
from erato.training import Likelihood
from erato.training.checkpoint import load_state
from erato.training.log import read_metrics

TINY = [
    *("--set", "model.layers=1", "--set", "model.heads=2", "--set", "model.width=16", "--set", "model.context=32"),
    *("--set", "windows.length=16", "--set", "training.batch=2", "--set", "length=10"),
]
SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture
def handlers():
    """The handlers of this process as they were, afterwards."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_stopped_training_goes_on_to_the_same_weights(number, music_folder, tmp_path, monkeypatch, capsys, handlers):
    monkeypatch.chdir(tmp_path)

    command = ["train", "event-transformer", *TINY, "--corpus", str(music_folder), "--steps", "6"]
    command += ["--set", "training.evaluations=2"]  # after steps 3 and 6

    def train(out):
        with pytest.raises(SystemExit) as left:
            cli.main([*command, "--out", out])
        return left.value.code, capsys.readouterr().err

    assert train("whole")[0] == 0
    original, calls = Likelihood.losses, []

    def losses(self, *arguments):
        yield from original(self, *arguments)
        calls.append(None)
        if len(calls) == 4:
            signal.raise_signal(number)

    with monkeypatch.context() as patched:
        patched.setattr(Likelihood, "losses", losses)
        code, err = train("parts")
    assert code == 130
    assert [line for line in err.splitlines() if line.startswith("erato: ")] == [
        "erato: stopped; what was finished is kept."
    ]
    assert load_state(tmp_path / "parts" / "last")[2]["step"] == 4
    code, err = train("parts")
    assert code == 0
    assert "parts holds this run, unfinished: going on where it stopped." in err
    assert [line["step"] for line in read_metrics(tmp_path / "parts")][-1] == 6
    weights = [(tmp_path / folder / "model.safetensors").read_bytes() for folder in ("whole", "parts")]
    assert weights[0] == weights[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_a_process_that_is_asked_to_stop_leaves_soon_and_goes_on_when_called_again(number, music_folder, tmp_path):
    command = [sys.executable, "-W", "ignore", "-m", "erato", "train", "event-transformer", *TINY, "--out", "run"]
    command += ["--corpus", str(music_folder), "--steps", "400", "--set", "training.evaluations=20"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            until = time.monotonic() + 120
            while not read_metrics(tmp_path / "run") and time.monotonic() < until and process.poll() is None:
                time.sleep(0.01)
            assert process.poll() is None
            asked = time.monotonic()
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            assert time.monotonic() - asked < 10
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert [line for line in err.splitlines() if line.startswith("erato: ")] == [
        "erato: stopped; what was finished is kept."
    ]
    stopped = load_state(tmp_path / "run" / "last")[2]["step"]
    assert 20 <= stopped < 400
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "going on where it stopped" in done.stderr
    steps = [line["step"] for line in read_metrics(tmp_path / "run")]
    assert steps == sorted(set(steps))
    assert steps[-1] == 400
