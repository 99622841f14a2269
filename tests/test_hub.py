"""Checkpoints by folder or hub name: found here first, else fetched, else a sentence that says how to get them."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import huggingface_hub.constants
import pytest
from huggingface_hub.utils import are_progress_bars_disabled, logging

from erato import hub
from erato.errors import UsageError

TOKENIZER = {"config.json", "tokenizer.json", "merges.txt", "spiece.model"}
WEIGHTS = {"model.safetensors", "generation_config.json"}
OTHERS = {"pytorch_model.bin", "modeling_evil.py", "README.md"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub, and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


class _Answers(BaseHTTPRequestHandler):
    """As much of a hub as fetching the checkpoint someone/theirs asks for; it counts what it is asked."""

    asked: list[str]
    silent: Event | None = None

    def do_GET(self):
        if self.silent:
            self.silent.wait(20)
            self.close_connection = True
            return
        path = self.path.split("?")[0]
        self.asked.append(path)
        name = path.rsplit("/", 1)[1]
        names = sorted(TOKENIZER | WEIGHTS | OTHERS)
        body, more = b"", {}
        if path.startswith("/api/models/someone/theirs/"):
            files = [{"type": "file", "path": name, "size": len(name), "oid": "0" * 40} for name in names]
            found = files if "/tree/" in path else {"id": "someone/theirs", "sha": "a" * 40}
            body, more = json.dumps(found).encode(), {"Content-Type": "application/json"}
        elif path.startswith("/someone/theirs/resolve/") and name in names:
            body, more = name.encode(), {"ETag": f'"{name}"', "X-Repo-Commit": "a" * 40}
        self.send_response(200 if more else 404)
        for key, value in {**(more or {"X-Error-Code": "RepoNotFound"}), "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def online(monkeypatch):
    """The handler of a hub on this machine, which is the only one."""
    handler = type("Answers", (_Answers,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=lambda: server.serve_forever(0.02), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    monkeypatch.setattr(
        huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", address)
    yield handler
    server.shutdown()
    server.server_close()


def there(cache, *names, sha="b" * 40):
    """Puts files of mine/gpt into the cache, as transformers does when it fetches some of them."""
    repo = cache / "models--mine--gpt"
    (repo / "refs").mkdir(parents=True, exist_ok=True)
    (repo / "refs" / "main").write_text(sha)
    for name in names:
        (repo / "snapshots" / sha).mkdir(parents=True, exist_ok=True)
        (repo / "snapshots" / sha / name).write_text(name)
    return repo / "snapshots" / sha


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_checkpoint_is_fetched_once_without_what_it_does_not_need(online, monkeypatch, capfd):
    found = hub.folder("someone/theirs", weights=False)
    assert names(found) == TOKENIZER and (found / "merges.txt").read_text() == "merges.txt"
    assert hub.cached("someone/theirs", weights=False) == found and hub.cached("someone/theirs") is None
    assert hub.folder("someone/theirs") == found
    assert names(found) == TOKENIZER | WEIGHTS
    asked = len(online.asked)
    assert hub.folder("someone/theirs") == hub.folder("someone/theirs", weights=False) == found
    assert len(online.asked) == asked  # what is here is not asked for again
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert hub.folder("someone/theirs") == found
    said = capfd.readouterr()
    assert said.out == said.err == ""


@pytest.mark.parametrize("name", ["someone/other", "gpt2", "a--b/c"])
def test_a_name_that_the_hub_does_not_have(online, name):
    says = f"^there is no run folder '{name}', and the hub has no open checkpoint of that name: correct the name"
    with pytest.raises(UsageError, match=says) as caught:
        hub.folder(name, missing="run folder")
    assert "hf download" not in str(caught.value)


@pytest.mark.parametrize(("name", "folder"), [("gpt2", "gpt2"), ("someone/their-gpt2", "their-gpt2")])
def test_a_name_without_a_network(name, folder):
    says = (
        f"^there is no folder '{name}', and a checkpoint of that name is neither on this machine nor .* correct the "
        f"name, or on a machine with a network, hf download {name} --local-dir {folder}, then give that folder\\.$"
    )
    with pytest.raises(UsageError, match=says):
        hub.folder(name)


def test_a_network_that_does_not_answer_is_not_waited_for(online, monkeypatch):
    online.silent = Event()
    monkeypatch.setattr(hub, "_TIMEOUT_S", 0.2)
    begun = time.monotonic()
    with pytest.raises(UsageError, match=r"nor to be had from the hub \(ReadTimeout\)"):
        hub.folder("someone/theirs")
    online.silent.set()
    assert time.monotonic() - begun < 10


def test_what_is_only_partly_here_is_not_taken(cache):
    assert hub.cached("mine/gpt") is None
    there(cache, "config.json")
    assert hub.cached("mine/gpt") is None is hub.cached("mine/gpt", weights=False)
    found = there(cache, "vocab.json")
    assert hub.cached("mine/gpt", weights=False) == found and hub.cached("mine/gpt") is None
    there(cache, "model-00001-of-00002.safetensors")
    assert hub.cached("mine/gpt") == found == hub.folder("mine/gpt")


@pytest.mark.parametrize("name", ["", "/not/here", "./gpt2", "a/b/c", "~/not-here", "~nobody-here/x", "gpt2 ", "file"])
def test_a_path_that_is_not_there_is_no_name(name, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "config.json").touch()  # the working directory is not meant by an empty name
    with pytest.raises(UsageError, match=f"^there is no folder '{name}': give the folder of a checkpoint, or a hub"):
        hub.folder(name)
    assert hub.cached(name) is None


def test_a_folder_is_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"mine has no config\.json: give a folder in the layout of the hub"):
        hub.folder(str(folder))
    assert hub.folder("mine", weights=False) == Path("mine")
    (folder / "config.json").touch()
    assert hub.folder("~/mine") == hub.folder(str(folder)) == hub.cached("~/mine") == folder


@pytest.mark.parametrize("weights", [True, False])
def test_a_run_is_told_how_it_becomes_a_checkpoint(tmp_path, weights):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.json").touch()
    says = r"run is a run of Erato, not a checkpoint: erato\.load\('.*run'\)\.save_pretrained\(FOLDER\) makes one"
    with pytest.raises(UsageError, match=says):
        hub.folder(str(folder), weights)
    (folder / "config.json").touch()  # a checkpoint that someone trained from, and kept notes in
    assert hub.folder(str(folder), weights) == folder


def test_a_checkpoint_is_named_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    assert hub.absolute("mine") == hub.absolute(Path("~/mine")) == str(tmp_path / "mine")
    assert [hub.absolute(name) for name in ("someone/theirs", "~nobody-here/x")] == ["someone/theirs", "~nobody-here/x"]
    with pytest.raises(UsageError, match="must be a folder or a hub name, as in gpt2, got ''"):
        hub.absolute("")


def test_the_hub_is_quiet_and_then_as_it_was(capfd):
    logger, level = logging.get_logger("huggingface_hub.test"), logging.get_verbosity()
    assert not are_progress_bars_disabled()
    with pytest.raises(KeyError), hub.quiet():
        assert are_progress_bars_disabled()
        logger.error("not to be seen")
        raise KeyError
    assert not are_progress_bars_disabled() and logging.get_verbosity() == level
    said = capfd.readouterr()
    assert said.out == said.err == ""
    with hub.quiet(), hub.quiet():
        pass
    assert not are_progress_bars_disabled()


def test_transformers_is_quiet_and_then_as_it_was(capfd):
    from transformers.utils import logging as theirs

    level, bar = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    with hub.quiet():
        theirs.get_logger("transformers.test").error("not to be seen")
        assert not theirs.is_progress_bar_enabled()
    assert (theirs.get_verbosity(), theirs.is_progress_bar_enabled()) == (level, bar)
    assert capfd.readouterr().err == ""
