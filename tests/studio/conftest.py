"""A studio that is served: a real server on a port of its own, whose jobs nobody does and whose pictures are words."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from erato.errors import UsageError
from erato.studio import serving
from erato.studio.bodies import Patience
from erato.studio.errors import NotThere
from erato.studio.jobs import Queue
from erato.studio.project import Project
from erato.studio.reader import Reader
from erato.studio.score_json import LIMITS
from erato.studio.services import Studio

LANES = {"check": "short", "compose": "short", "train": "train"}


class Renders:
    """In place of what makes sounds and pictures: a file that says what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = []

    def _said(self, *words) -> Path:
        self.asked.append(words)
        path = self.folder / f"made-{len(self.asked)}.txt"
        path.write_text(" ".join(map(str, words)), "utf-8")
        return path

    def of_piece(self, digest, kind, format, title="", facts=None):
        if kind == "text" and format not in ("txt", "html"):
            raise UsageError(f"words cannot become {format}.")
        return self._said("piece", digest, kind, format, title)

    def pages(self, digest):
        return 2

    def changed(self, digest):
        return ["Times were rounded."]

    def page(self, digest, number):
        if number > 2:
            raise NotThere(f"the score has 2 pages, got {number}.")
        return self._said("page", digest, number)

    def of_file(self, path, format):
        return self._said("file", path.name, format)

    def curves(self, folder):
        return self._said("curves", folder.name)


@dataclass
class Raw:
    """An answer as it came over the line."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name):
        return next((value for there, value in self.headers if there == name.lower()), None)

    def json(self):
        return json.loads(self.body)


@dataclass
class Served:
    """A served studio and ways to ask it."""

    studio: Studio
    port: int
    client: httpx.Client = field(repr=False)

    @property
    def project(self):
        return self.studio.project

    @property
    def token(self):
        return self.studio.project.token

    @property
    def queue(self):
        return self.studio.queue

    @property
    def bearer(self):
        return f"Authorization: Bearer {self.token}\r\n"

    @property
    def host(self):
        return f"Host: 127.0.0.1:{self.port}\r\n"

    def connect(self, timeout=20.0):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, head: str | bytes, body: bytes = b"") -> Raw:
        """Sends exactly these bytes, and reads one answer until the server closes or the body is whole."""
        with self.connect() as connection:
            connection.sendall((head.encode("latin-1") if isinstance(head, str) else head) + body)
            return read_answer(connection)


def read_answer(connection: socket.socket) -> Raw:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return Raw(0, [], data)
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = int(dict(headers).get("content-length", 0))
    while len(body) < length and (part := connection.recv(65536)):
        body += part
    return Raw(int(first.split()[1]), headers, body)


class Serving:
    """Serves a project in a thread, within a `with`."""

    def __init__(self, folder: Path, patience: Patience | None = None, folders=(), most: int = 100) -> None:
        self.project = Project(folder, folders=folders)
        queue = Queue(self.project, most, LANES)
        self.studio = Studio(self.project, queue, Renders(self.project.cache), Reader(LIMITS))
        self.patience = patience or Patience()

    def __enter__(self) -> Served:
        self.listening = serving.listen("127.0.0.1", 0)
        started = threading.Event()
        self.server = serving.server(
            self.studio, self.listening, "127.0.0.1", lambda place: started.set(), self.patience
        )
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listening]})
        self.thread.start()
        assert started.wait(20)
        port = self.listening.getsockname()[1]
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {self.project.token}"},
            timeout=30,
            trust_env=False,
        )
        self.served = Served(self.studio, port, client)
        return self.served

    def __exit__(self, *_) -> None:
        self.served.client.close()
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.listening.close()
        self.studio.reader.close()
        self.project.close()


@pytest.fixture
def project(tmp_path):
    """An empty project."""
    made = Project(tmp_path / "project")
    yield made
    made.close()


@pytest.fixture
def serving_of():
    """Makes what serves a project folder."""
    return Serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A studio that all tests of a file share."""
    with Serving(tmp_path_factory.mktemp("studio") / "project") as served:
        yield served


SCORE = {
    "ticks_per_quarter": 480,
    "tempos": [[0, 120.0]],
    "time_signatures": [[0, 4, 4]],
    "key_signatures": [],
    "tracks": [
        {"name": "Piano", "program": 0, "drums": False, "notes": [[0, 480, 60, 80], [480, 480, 64, 80]]},
    ],
}


@pytest.fixture(scope="session")
def score_of_two_notes():
    """Two quarters, C and E, as the editor sends them; not to be changed."""
    return SCORE


@pytest.fixture
def score_json():
    """The same, to be changed."""
    return json.loads(json.dumps(SCORE))


@pytest.fixture
def drawn(served, score_json):
    """A take of these two notes."""
    answer = served.client.post("/api/takes", json={"how": "drawn", "title": "Two notes", "score": score_json})
    assert answer.status_code == 201, answer.text
    return answer.json()


class Running:
    """`erato studio` as a person starts it: a process of its own, with its workers, on a port that it keeps.

    For pages in a browser. `address` opens it with its token.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self) -> "Running":
        command = [sys.executable, "-m", "erato", "studio", str(self.folder), "--no-browser", "--port", str(self.port)]
        self.log = self.folder.with_name(f"{self.folder.name}.txt").open("ab+")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [*command, *self.options], stdout=self.log, stderr=self.log, cwd=self.folder.parent, env=environment
        )
        until = time.monotonic() + 60
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                break
            assert self.process.poll() is None and time.monotonic() < until, self.said()
            time.sleep(0.05)
        self.token = (self.folder / "token").read_text("utf-8").strip()
        self.address = f"{self.base}/?token={self.token}"
        self.client = httpx.Client(
            base_url=self.base, headers={"Authorization": f"Bearer {self.token}"}, timeout=30, trust_env=False
        )
        return self

    def end(self, how: int = signal.SIGINT) -> None:
        """Ends it with Ctrl-C, or as a crash does with SIGKILL."""
        if self.process is None or self.process.poll() is not None:
            return
        self.client.close()
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.log.close()

    def said(self) -> str:
        return self.folder.with_name(f"{self.folder.name}.txt").read_text("utf-8", "replace")

    def job(self, id: str, within: float = 60) -> dict:
        """A job once it has ended."""
        until = time.monotonic() + within
        while (job := self.client.get(f"/api/jobs/{id}").json())["state"] not in ("done", "failed", "cancelled"):
            assert time.monotonic() < until, job
            time.sleep(0.1)
        return job


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A studio with an empty project, in a process of its own; one for all tests of a file."""
    running = Running(tmp_path_factory.mktemp("studio") / "project").start()
    try:
        yield running
    finally:
        running.end()


@pytest.fixture
def visit(browser, studio):
    """Opens a page of the studio, `visit("#/train", width=390)`; at the end nothing may have been complained of, asked
    for elsewhere, or popped up. What a test makes fail it names: `visit.expected.append("503")`."""
    contexts, troubles = [], []

    def opened(place="#/", width=1280, height=800, context=None, **settings):
        if context is None:
            context = browser.new_context(viewport={"width": width, "height": height}, **settings)
            contexts.append(context)
        page = context.new_page()
        page.on("request", lambda r: r.url.startswith((studio.base, "data:", "blob:")) or troubles.append(r.url))
        page.on("console", lambda m: m.type in ("error", "warning") and troubles.append(m.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append("a dialog"), dialog.dismiss()))
        page.goto(studio.address + place)  # where the token leads to keeps the place
        return page

    opened.expected = []
    yield opened
    for context in contexts:
        context.close()
    assert [said for said in troubles if not any(part in said for part in opened.expected)] == []
