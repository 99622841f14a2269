"""`erato studio` as a person starts it: what it prints, what it refuses, and how it ends."""

import re
import signal
import subprocess
import sys
import time
from queue import SimpleQueue

import httpx
import pytest

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]+)")


class Started:
    """A studio in a process of its own."""

    def __init__(self, folder, *options):
        command = [sys.executable, "-m", "erato", "studio", "--no-browser", *map(str, options)]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        self.said = ""
        while not (found := ADDRESS.search(self.said)):
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            self.said += line
        self.address, self.port, self.token = found[0], int(found[1]), found[2]
        return self

    def end(self, how=signal.SIGINT):
        """(exit code, standard error, seconds it took)"""
        began = time.monotonic()
        self.process.send_signal(how)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors, time.monotonic() - began

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_prints_the_address_serves_and_ends_with_ctrl_c(tmp_path):
    with Started(tmp_path, "mine", "--port", "0") as started:
        with httpx.Client(base_url=f"http://127.0.0.1:{started.port}", trust_env=False) as client:
            opened = client.get(started.address, follow_redirects=True)
            assert opened.status_code == 200 and opened.url.path == "/" and not opened.url.query
            assert client.get("/api/studio").json()["project"] == "mine"
            job = client.post("/api/train", json={"corpus": "nothing", "recipe": "event-transformer"})
            assert job.status_code == 404
            paused = client.post("/api/train", json={"corpus": "bach-chorales", "recipe": "event-transformer"}).json()
            assert client.post(f"/api/jobs/{paused['id']}/pause").status_code == 200
        again = subprocess.run(
            [sys.executable, "-m", "erato", "studio", "mine", "--no-browser"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert again.returncode == 1 and "is open in another studio" in again.stderr and "Traceback" not in again.stderr
        code, errors, _ = started.end()
    assert code == 0 and "The studio ends" in errors and "Traceback" not in errors
    assert (tmp_path / "mine" / "studio.sqlite").is_file()
    token = (tmp_path / "mine" / "token").read_text("utf-8").strip()
    assert token == started.token
    for log in [*(tmp_path / "mine").glob("*.log"), *(tmp_path / "mine" / "logs").glob("*")]:
        assert token not in log.read_text("utf-8")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--host", "0.0.0.0"], ["--i-understand", "Everyone who can reach 0.0.0.0", "not encrypted"]),
        (["--host", "me.lan"], ["--i-understand"]),
        (["--runs", "nowhere"], ["nowhere is no folder"]),
        (["--folder", "nowhere"], ["nowhere is no folder"]),
        (["a-file"], ["is a file"]),
        (["--port", "x"], ["--port"]),
        (["--port", "70000"], ["0 to 65535"]),
        (["--brwser"], ["unknown option"]),
        (["one", "two"], ["two"]),
    ],
)
def test_what_it_refuses_in_a_sentence(erato, tmp_path, arguments, words):
    (tmp_path / "a-file").write_text("x")
    code, out, errors = erato("studio", "--no-browser", *arguments)
    assert code == 1 and out == "" and "Traceback" not in errors
    assert all(word in errors for word in words), errors
    assert not (tmp_path / "erato-studio" / ".server.lock").exists() or "port" in errors


def test_what_it_means_is_two_sentences_and_is_printed(erato, monkeypatch, tmp_path):
    from erato.studio import serving, workers

    monkeypatch.setattr(workers.Workers, "start", lambda self: None)
    monkeypatch.setattr(workers.Workers, "stop", lambda self: None)
    monkeypatch.setattr(serving, "serve", lambda *arguments: None)
    code, _, errors = erato("studio", "--no-browser", "--host", "0.0.0.0", "--port", 0, "--i-understand")
    assert code == 0
    assert errors.split("\n")[0].count(". ") == 1 and errors.startswith("Everyone who can reach 0.0.0.0")


def test_it_opens_the_page_unless_told_not_to(erato, monkeypatch):
    import webbrowser

    from erato.studio import serving, workers
    from erato.studio.guard import Place

    opened, place = SimpleQueue(), Place("127.0.0.1", 8321)
    monkeypatch.setattr(workers.Workers, "start", lambda self: None)
    monkeypatch.setattr(workers.Workers, "stop", lambda self: None)
    monkeypatch.setattr(webbrowser, "open", opened.put)
    monkeypatch.setattr(serving, "serve", lambda studio, listening, host, started: started(place))
    code, out, _ = erato("studio", "--port", 0)
    token = ADDRESS.search(out)[2]
    address = opened.get(timeout=20)  # which all can see who may list the programs that run
    assert code == 0 and address == f"http://127.0.0.1:8321/?once={place.once}" and token not in address
    erato("studio", "--port", 0, "--no-browser")
    assert opened.empty()


def test_the_command_line_stays_light():
    code = (
        "import sys, erato.cli, erato.cli_studio\n"
        "print([name for name in ('starlette', 'uvicorn', 'jsonschema', 'torch', 'symusic') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_server_needs_no_torch():
    code = (
        "import sys, erato.studio.serving\nfrom erato.studio.recipe_cards import recipe_cards\nrecipe_cards()\n"
        "print([name for name in ('torch', 'music21', 'matplotlib', 'verovio') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
