"""Folders as corpora: one verdict a file, pieces come from the store, nothing depends on where the folder is."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from erato import cli, corpora, reading
from erato.corpora import Folder, check
from erato.corpora.folder import list_files
from erato.corpora.scan import Job, scan
from erato.errors import CorpusError, UsageError

Song = Callable[..., bytes]
Tune = Callable[..., list[int]]


def fill(folder: Path, song: Song, tune: Tune, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:03}.mid").write_bytes(song(tune(number)))


def test_check_counts_every_file_once(tmp_path: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 3)
    (tmp_path / "again.mid").write_bytes((tmp_path / "000.mid").read_bytes())
    (tmp_path / "higher.mid").write_bytes(song([pitch + 5 for pitch in tune(1)]))
    (tmp_path / "finer.mid").write_bytes(song(tune(2), tpq=960))
    (tmp_path / "broken.mid").write_bytes(b"MThd and no more")
    (tmp_path / "empty.mid").touch()
    (tmp_path / "words.txt").write_text("Some words.\n")
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / ".hidden.xyz").touch()
    report = check(tmp_path).to_json()
    assert list(report) == ["files", "used", "pieces", "notes", "duplicates", "skipped", "flagged"]
    assert report["files"] == 11
    assert report["used"] == 4  # three songs and the words
    assert report["duplicates"] == 3
    assert report["notes"] == 120
    reasons = {skipped["file"]: skipped["reason"] for skipped in report["skipped"]}
    assert set(reasons) == {"broken.mid", "empty.mid", "cover.jpg", ".hidden.xyz"}
    assert reasons["cover.jpg"] == reasons[".hidden.xyz"] == "unsupported"
    assert reasons["empty.mid"] == "empty"


def test_check_survives_what_is_no_file(tmp_path: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 1)
    (tmp_path / "folder.mid").mkdir()
    (tmp_path / "folder.mid" / "inside.mid").write_bytes(song(tune(7)))
    os.mkfifo(tmp_path / "pipe.mid")
    (tmp_path / "gone.mid").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path)
    odd = os.fsencode(tmp_path) + b"/\xff\xfe.mid"
    with open(odd, "wb") as file:  # noqa: PTH123 (a name that is not UTF-8)
        file.write(song(tune(8)))
    report = check(tmp_path).to_json()
    json.dumps(report).encode("utf-8")
    assert report["used"] == 3
    assert {skipped["file"] for skipped in report["skipped"]} == {"folder.mid", "pipe.mid", "gone.mid"}
    assert report["files"] == 6


def test_every_kind_of_name_and_file_is_reported_once(
    tmp_path: Path, song: Song, tune: Tune, capsys: pytest.CaptureFixture[str]
) -> None:
    top = os.fsencode(tmp_path)
    names = [
        b"a\nb.mid", b"\x1b[31mred.mid", b"\xff.mid", b"\xfe.mid", b"\\xff.mid", b"\xef\xbf\xbd.mid", b"<b>&'\".mid",
        b"x" * 251 + b".mid", b"\xe2\x80\xae.mid", b"junk\x07.musicxml", b"\xff\n.abc",
    ]  # fmt: skip
    for number, name in enumerate(names):
        with open(top + b"/" + name, "wb") as file:  # noqa: PTH123 (names that are not UTF-8)
            file.write(song(tune(number)) if name.endswith(b".mid") else b"no music")
    os.mkfifo(tmp_path / "pipe.mid")
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            listening.bind(str(tmp_path / "socket.mid"))
        except OSError:  # the path is too long for a socket
            (tmp_path / "socket.mid").mkdir()
        (tmp_path / "zero.mid").symlink_to("/dev/zero")
        (tmp_path / "one.mid").symlink_to(tmp_path / "two.mid")
        (tmp_path / "two.mid").symlink_to(tmp_path / "one.mid")
        (tmp_path / "folder.mid").mkdir()
        report = check(tmp_path).to_json()
    assert json.loads(json.dumps(report, ensure_ascii=False).encode("utf-8")) == report
    assert report["files"] == report["used"] + report["duplicates"] + len(report["skipped"])
    assert report["used"] == 9
    skipped = {skipped["file"]: skipped["reason"] for skipped in report["skipped"]}
    odd = dict.fromkeys(("pipe.mid", "socket.mid", "zero.mid", "one.mid", "two.mid", "folder.mid"), "unreadable")
    assert len(skipped) == len(report["skipped"])
    assert odd.items() <= skipped.items()
    assert skipped["junk\\u0007.musicxml"] == skipped["\\xff\\n.abc"] == "not-music"
    assert all(text.isprintable() for skip in report["skipped"] for text in skip.values())
    names_of = [source.name for source in list_files(tmp_path)]
    assert len(set(names_of)) == len(names_of) == report["files"]
    with pytest.raises(SystemExit, match="0"):
        cli.main(["check", str(tmp_path), "--report", str(tmp_path / "report.json")])
    printed = capsys.readouterr()
    assert all(line.isprintable() for line in (printed.out + printed.err).splitlines())


def test_folders_may_be_deeper_than_calls(tmp_path: Path, song: Song, tune: Tune) -> None:
    deep = [tmp_path / "d"]
    for _ in range(1100):
        deep.append(Path(f"{deep[-1]}/d"))
    for folder in deep:
        folder.mkdir()
    (deep[-1] / "a.mid").write_bytes(song(tune(1)))
    try:
        report = check(tmp_path)
    finally:
        (deep[-1] / "a.mid").unlink()
        for folder in reversed(deep):  # what cleans up after tests cannot go so deep
            folder.rmdir()
    assert (report.files, report.used) == (1, 1)


def test_a_file_that_vanishes_costs_only_itself(tmp_path: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 2)
    sources = list_files(tmp_path)
    (tmp_path / "000.mid").unlink()
    (tmp_path / "001.mid").write_bytes(song(tune(1)) + b"grown")
    first, second = scan(sources, Job())
    assert (first.verdict, first.reason) == ("skipped", "unreadable")
    assert second.verdict != "skipped"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_folders_are_named(tmp_path: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 2)
    (tmp_path / "000.mid").chmod(0)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0)
    try:
        report = check(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert [(s["file"], s["reason"]) for s in report.skipped] == [("000.mid", "unreadable"), ("closed", "unreadable")]


def test_many_files_in_processes_give_what_one_process_gives(
    tmp_path: Path, song: Song, tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, song, tune, 100)
    (tmp_path / "050b.mid").write_bytes((tmp_path / "050.mid").read_bytes())
    (tmp_path / "077.mid").write_bytes(b"nothing")
    monkeypatch.setattr("erato.corpora.workers.processors", lambda: 3)
    many = check(tmp_path)
    monkeypatch.setattr("erato.corpora.workers.processors", lambda: 1)
    assert check(tmp_path) == many
    assert (many.files, many.used, many.duplicates, len(many.skipped)) == (101, 99, 1, 1)


def test_max_files_takes_the_first_that_can_be_read(tmp_path: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 5)
    (tmp_path / "000.jpg").touch()
    pieces = corpora.find(tmp_path, max_files=2).pieces("music")
    assert [entry.file for entry in pieces.entries] == ["000.mid", "001.mid"]
    assert check(tmp_path, max_files=2).files == 2


def test_pieces_are_what_was_written(tmp_path: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 4)
    (tmp_path / "words.txt").write_text("One.\n")
    (tmp_path / "other.txt").write_text("Two.\n")
    music = Folder(tmp_path).pieces("music")
    assert len(music) == 4
    for number in range(4):
        assert [note.pitch for note in music[number].tracks[0].notes] == tune(number)
    assert [len(score.tracks) for score in music[1:3]] == [1, 1]
    assert music.entries[0].notes == 40
    assert music.entries[0].seconds == pytest.approx(20.0)  # 40 quarters at 120 a minute
    verdicts = {file["name"]: file.get("reason", file["verdict"]) for file in music.manifest["files"]}
    assert verdicts["words.txt"] == "other-kind"
    text = Folder(tmp_path).pieces("text")
    assert list(text) == ["Two.\n", "One.\n"]
    with pytest.raises(IndexError):
        text[2]


def test_a_piece_that_was_handed_out_can_be_changed_without_harm(tmp_path: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 2)
    pieces = Folder(tmp_path).pieces("music")
    pieces[0].tracks.clear()
    assert len(pieces[0].tracks) == 1


def test_manifest_tells_all_of_every_file(tmp_path: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 2)
    (tmp_path / "x.mid").write_bytes((tmp_path / "001.mid").read_bytes())
    (tmp_path / "y.mid").write_bytes(b"?")
    manifest = Folder(tmp_path).pieces("music", seed=3).manifest
    json.dumps(manifest, allow_nan=False)
    assert {"corpus", "licence", "citation", "homepage", "kind", "seed", "reading", "tracks", "splits"} <= set(manifest)
    assert manifest["seed"] == 3
    first, _, repeated, broken = manifest["files"]
    assert len(first["sha256"]) == 64
    assert first["size"] == (tmp_path / "000.mid").stat().st_size
    assert first["pieces"][0].keys() == {"name", "group", "split", "notes", "seconds"}
    assert (repeated["verdict"], repeated["duplicate_of"]) == ("duplicate", "001.mid")
    assert broken["verdict"] == "skipped"
    assert broken["message"]


def test_second_run_does_not_parse_again(
    tmp_path: Path, song: Song, tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, song, tune, 3)
    first = Folder(tmp_path).pieces("music")

    def never(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(reading, "read_bytes", never)
    second = Folder(tmp_path).pieces("music")
    assert second.hash == first.hash
    assert [second[i] for i in range(3)] == [first[i] for i in range(3)]
    assert second.manifest == first.manifest


def test_hash_follows_content_and_not_the_place(tmp_path: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path / "a", song, tune, 3)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first = Folder(tmp_path / "a").pieces("music")
    assert Folder(tmp_path / "b").pieces("music").hash == first.hash
    assert Folder(tmp_path / "a").pieces("music", seed=1).hash != first.hash
    assert Folder(tmp_path / "a", track=["0"]).pieces("music").hash != first.hash
    (tmp_path / "b" / "002.mid").write_bytes(song(tune(99)))
    assert Folder(tmp_path / "b").pieces("music").hash != first.hash


def test_a_damaged_store_is_made_again(tmp_path: Path, cache: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 2)
    Folder(tmp_path).pieces("music")
    (stored,) = cache.glob("corpora/*/pieces.bin")
    stored.write_bytes(stored.read_bytes()[:-5])
    assert [note.pitch for note in Folder(tmp_path).pieces("music")[1].tracks[0].notes] == tune(1)


def test_changed_bytes_in_a_store_are_noticed(tmp_path: Path, cache: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 2)
    Folder(tmp_path).pieces("music")
    (stored,) = cache.glob("corpora/*/pieces.bin")
    data = bytearray(stored.read_bytes())
    data[5] ^= 255
    stored.write_bytes(data)
    with pytest.raises(CorpusError, match="damaged"):
        Folder(tmp_path).pieces("music")[0]


def test_works_without_a_cache_folder(tmp_path: Path, song: Song, tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "music", song, tune, 2)
    (tmp_path / "a file").touch()
    monkeypatch.setenv("ERATO_CACHE", str(tmp_path / "a file" / "cache"))
    assert len(Folder(tmp_path / "music").pieces("music")) == 2


def test_nothing_unfinished_is_left(tmp_path: Path, cache: Path, song: Song, tune: Tune) -> None:
    fill(tmp_path, song, tune, 2)

    def stop(done: int, total: int | None, what: str) -> None:
        if what == "reading":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Folder(tmp_path).pieces("music", progress=stop)
    assert list((cache / "corpora").iterdir()) == []


def test_notation_is_kept_file_by_file(
    tmp_path: Path, cache: Path, song: Song, tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    tunes = "X:1\nT:One\nM:4/4\nL:1/4\nK:C\nCDEF|\n\nX:2\nT:Two\nM:4/4\nL:1/4\nK:G\nGABG|\n"
    (tmp_path / "book.abc").write_text(tunes)
    before = Folder(tmp_path).pieces("music")
    assert [[note.pitch for note in score.tracks[0].notes] for score in before] == [[60, 62, 64, 65], [67, 69, 71, 67]]
    parsed = []
    real = reading.read_bytes
    monkeypatch.setattr(
        reading, "read_bytes", lambda data, name, limits: parsed.append(name) or real(data, name, limits)
    )
    (tmp_path / "new.mid").write_bytes(song(tune(1)))
    after = Folder(tmp_path).pieces("music")
    assert parsed == ["new.mid"]
    assert [after[0], after[1]] == [before[0], before[1]]


@pytest.mark.parametrize(
    ("content", "message"),
    [({}, "no files"), ({"a.jpg": b"?"}, "1 unsupported"), ({"a.txt": b"words"}, "1 other-kind")],
)
def test_nothing_to_learn_from_is_said(tmp_path: Path, content: dict[str, bytes], message: str) -> None:
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        Folder(tmp_path).pieces("music")


def test_unknown_names_get_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, song: Song, tune: Tune) -> None:
    with pytest.raises(UsageError, match="did you mean bach-chorales"):
        corpora.find("bach-chorale")
    with pytest.raises(CorpusError, match="not there"):
        Folder(tmp_path / "nowhere").pieces("music")
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "palestrina", song, tune, 2)
    assert not isinstance(corpora.find("palestrina"), Folder)
    assert isinstance(corpora.find("./palestrina"), Folder)


def test_text_corpora_refuse_music_recipes() -> None:
    with pytest.raises(CorpusError, match="tiny-shakespeare is text"):
        corpora.find("tiny-shakespeare").pieces("music")


def test_lists_are_complete() -> None:
    for name, corpus in corpora.CORPORA.items():
        assert corpus.name == name
        assert corpus.kind in ("music", "text")
        assert corpus.summary
        assert corpus.licence
        assert corpus.homepage
        assert corpus.citation
