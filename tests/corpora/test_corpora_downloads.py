"""Downloads against a server on 127.0.0.1: broken transfers go on, wrong files are refused, copies by hand serve."""

import hashlib
import io
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from erato import corpora
from erato.corpora import downloads
from erato.corpora.downloadable import DOWNLOADS
from erato.corpora.downloads import Download, Remote
from erato.errors import CorpusError, UsageError

TEXT = "".join(f"This is line {number} of a text.\n" for number in range(20_000)).encode()


class Server(ThreadingHTTPServer):
    """Serves `files`; breaks off after `break_after` bytes as often as `breaks` says; notes the ranges asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.breaks = 0
        self.break_after = 100_000
        self.with_ranges = True
        self.asked: list[str | None] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        data = self.server.files.get(self.path.lstrip("/"))
        if data is None:
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        tag = '"' + hashlib.sha256(data).hexdigest()[:8] + '"'
        start = 0
        if wanted and self.server.with_ranges and self.headers.get("If-Range", tag) == tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", tag)
        self.end_headers()
        body = data[start:]
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: self.server.break_after]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def corpus(*remotes: Remote, kind: str = "text", **more: str) -> Download:
    return Download("thing", kind, "a thing", remotes, licence="free", citation="us", homepage="http://x", **more)  # type: ignore[arg-type]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_downloads_once(server: Server) -> None:
    server.files["a.txt"] = TEXT
    thing = corpus(Remote(server.url("a.txt"), sha256(TEXT), len(TEXT)))
    seen: list[tuple[int, int | None, str]] = []
    folder = thing.get(lambda *step: seen.append(step))
    assert (folder / "a.txt").read_bytes() == TEXT
    assert seen[-1] == (len(TEXT), len(TEXT), "downloading a.txt")
    server.files.clear()
    assert thing.get() == folder
    pieces = thing.pieces("text")
    assert "".join(pieces).encode() == TEXT
    assert pieces.manifest["licence"] == "free"
    assert pieces.manifest["files"][0]["origin"] == server.url("a.txt")


def test_a_broken_transfer_goes_on(server: Server) -> None:
    server.files["a.txt"] = TEXT
    server.breaks = 2
    folder = corpus(Remote(server.url("a.txt"), sha256(TEXT))).get()
    assert (folder / "a.txt").read_bytes() == TEXT
    assert server.asked == [None, "bytes=100000-", "bytes=200000-"]


def test_the_next_command_goes_on_where_the_last_one_stopped(server: Server, cache: Path) -> None:
    server.files["a.txt"] = TEXT
    server.breaks = downloads.TRIES
    thing = corpus(Remote(server.url("a.txt"), sha256(TEXT)))
    with pytest.raises(CorpusError, match="broke off"):
        thing.get()
    assert (cache / "downloads" / "thing" / "a.txt.part").stat().st_size == 300_000
    assert (thing.get() / "a.txt").read_bytes() == TEXT
    assert server.asked[-1] == "bytes=300000-"


@pytest.mark.parametrize("with_ranges", [True, False])
def test_a_file_that_changed_meanwhile_starts_anew(server: Server, with_ranges: bool) -> None:
    server.files["a.txt"] = b"old" + TEXT
    server.breaks = downloads.TRIES
    thing = corpus(Remote(server.url("a.txt")))
    with pytest.raises(CorpusError):
        thing.get()
    server.files["a.txt"] = TEXT
    server.with_ranges = with_ranges
    assert (thing.get() / "a.txt").read_bytes() == TEXT


def test_a_wrong_checksum_is_refused_and_not_kept(server: Server, cache: Path) -> None:
    server.files["a.txt"] = TEXT
    thing = corpus(Remote(server.url("a.txt"), sha256(b"other")))
    with pytest.raises(CorpusError, match=sha256(TEXT)):
        thing.get()
    assert not list((cache / "downloads" / "thing").glob("*a.txt*"))


def test_without_a_published_checksum_the_first_one_counts(server: Server, cache: Path) -> None:
    server.files["a.txt"] = TEXT
    thing = corpus(Remote(server.url("a.txt")))
    folder = thing.get()
    (folder / "a.txt").unlink()
    folder.rmdir()
    server.files["a.txt"] = TEXT + b"more"
    with pytest.raises(CorpusError, match=sha256(TEXT)):
        thing.get()


def test_what_is_not_there_is_said(server: Server) -> None:
    with pytest.raises(CorpusError, match=r"404.*--from FILE"):
        corpus(Remote(server.url("none.txt"))).get()


def test_offline_is_said_with_the_address_and_the_way_out() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.txt"
    with pytest.raises(CorpusError) as error:
        corpus(Remote(url)).get()
    assert url in str(error.value)
    assert "--from FILE" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_copy_by_hand_serves(tmp_path: Path, cache: Path) -> None:
    copy = tmp_path / "got by hand"
    copy.write_bytes(TEXT)
    thing = corpus(Remote("http://127.0.0.1:9/a.txt", sha256(TEXT)))
    assert (thing.get(from_file=copy) / "a.txt").read_bytes() == TEXT
    copy.write_bytes(b"something else")
    with pytest.raises(CorpusError, match="sha256"):
        thing.get(from_file=copy)
    with pytest.raises(CorpusError, match="not there"):
        thing.get(from_file=tmp_path / "nowhere")
    assert (thing.get() / "a.txt").read_bytes() == TEXT


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_archives_are_unpacked_and_never_outside(server: Server, cache: Path) -> None:
    inside = {"thing-1/a.txt": b"A", "thing-1/sub/b.txt": b"B", "thing-1/c.jpg": b"C"}
    outside = {"../out.txt": b"!", "thing-1/../../out.txt": b"!", "/etc/out.txt": b"!", "c:/out.txt": b"!"}
    server.files["a.zip"] = zipped(inside | outside)
    folder = corpus(Remote(server.url("a.zip")), members="*.txt").get()
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {"a.txt": b"A", "sub/b.txt": b"B"}
    assert not list(cache.parent.rglob("out.txt"))


def test_tar_archives_yield_plain_files_only(server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("./x/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        plain = tarfile.TarInfo("./x/data/plain.txt")
        plain.size = 3
        archive.addfile(plain, io.BytesIO(b"yes"))
    server.files["a.tgz"] = buffer.getvalue()
    folder = corpus(Remote(server.url("a.tgz")), members="*.txt").get()
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*.txt")] == ["data/plain.txt"]


def test_bombs_and_broken_archives_are_refused(server: Server, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", 1000)
    server.files["a.zip"] = zipped({"x/a.txt": bytes(2000)})
    with pytest.raises(CorpusError, match="more than 1,000 bytes"):
        corpus(Remote(server.url("a.zip"))).get()
    server.files["b.zip"] = zipped({"x/a.txt": TEXT})[:-30] + bytes(30)
    with pytest.raises(CorpusError, match="cannot be unpacked"):
        corpus(Remote(server.url("b.zip"))).get()
    server.files["c.zip"] = zipped({"x/a.jpg": b"?"})
    with pytest.raises(CorpusError, match="holds nothing"):
        corpus(Remote(server.url("c.zip")), members="*.txt").get()
    assert not (cache / "downloads" / "thing" / "files").exists()


def test_several_files_are_one_corpus(server: Server, tmp_path: Path, song: Callable[..., bytes]) -> None:
    songs = {f"{number}.mid": song([60 + number, 62, 64 + 2 * number]) for number in range(3)}
    server.files |= songs
    thing = corpus(*[Remote(server.url(name)) for name in songs], kind="music", members="*.mid")
    assert len(thing.pieces("music")) == 3
    (tmp_path / "songs.zip").write_bytes(zipped({f"songs/{name}": data for name, data in songs.items()}))
    assert len(list(thing.get(from_file=tmp_path / "songs.zip").iterdir())) == 3
    with pytest.raises(CorpusError, match="3 files"):
        (tmp_path / "one.mid").write_bytes(songs["0.mid"])
        thing.get(from_file=tmp_path / "one.mid")


def test_maestro_keeps_its_splits_and_groups_by_composition(tmp_path: Path, song: Callable[..., bytes]) -> None:
    rows = [
        ("Liszt", "Sonata, in B", "train", "2004/a.midi"),
        ("Liszt", "Sonata, in B", "train", "2006/b.midi"),
        ("Ravel", "Ondine", "validation", "2004/c.midi"),
        ("Ravel", "Scarbo", "test", "2004/d.midi"),
    ]
    header = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
    table = header + "".join(f'{c},"{t}",{s},2004,{f},x.wav,1.0\n' for c, t, s, f in rows)
    (tmp_path / "maestro-v3.0.0.csv").write_text(table)
    for number, row in enumerate(rows):
        path = tmp_path / row[3]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(song([50 + 3 * number, 60, 71 + number]))
    pieces = corpora.find("maestro-v3", from_file=tmp_path).pieces("music")
    found = {entry.file: (entry.group, entry.split) for entry in pieces.entries}
    assert found == {
        "2004/a.midi": ("Liszt: Sonata, in B", "train"),
        "2006/b.midi": ("Liszt: Sonata, in B", "train"),
        "2004/c.midi": ("Ravel: Ondine", "valid"),
        "2004/d.midi": ("Ravel: Scarbo", "test"),
    }


def test_mozart_is_eighteen_and_three_and_names_who_made_it(tmp_path: Path, song: Callable[..., bytes]) -> None:
    mozart = corpora.CORPORA["mozart-krueger"]
    assert isinstance(mozart, Download)
    assert len(mozart.remotes) == 21
    for number, remote in enumerate(mozart.remotes):
        (tmp_path / remote.name).write_bytes(song([40 + number, 60, 62 + 2 * number]))
    pieces = corpora.find("mozart-krueger", from_file=tmp_path).pieces("music")
    assert (len(pieces.split("train")), len(pieces.split("valid"))) == (18, 3)
    assert "Bernd Krueger" in pieces.manifest["licence"]
    assert all("Bernd Krueger" in file["licence"] for file in pieces.manifest["files"])


def test_from_is_only_for_what_is_downloaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--from"):
        corpora.find("bach-chorales", from_file=tmp_path)
    with pytest.raises(UsageError, match="--from"):
        corpora.find(tmp_path, from_file=tmp_path)


def test_addresses_and_checksums_are_well_formed() -> None:
    for download in DOWNLOADS:
        for remote in download.remotes:
            assert remote.url.startswith(("http://", "https://"))
            assert remote.sha256 is None or len(bytes.fromhex(remote.sha256)) == 32
