"""A whole project as a zip and back: all of it or nothing, whoever made the zip."""

import hashlib
import io
import json
import os
import shutil
import stat
import tracemalloc
import zipfile

import pytest

from erato.errors import UsageError
from erato.score import Score
from erato.studio import archive, takes, unpacking
from erato.studio.errors import DiskFull
from erato.studio.project import Project


def found(project):
    with project.read() as connection:
        return takes.find(connection, limit=-1)[::-1]


def tree(project):
    """What lies in the folder, with contents, but for the database's."""
    files = [path for path in project.folder.rglob("*") if path.is_file() and not path.name.startswith("studio.sqlite")]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in files}


@pytest.fixture
def project(tmp_path, make_score):
    """Three takes of which one comes from another, a corpus, and a run."""
    made = Project(tmp_path / "one")
    score, words = make_score(), "Ä\n"
    with made.connect() as connection:
        root = takes.add(
            connection,
            kind="music",
            how="composed",
            digest=made.keep_piece(score),
            title="Waltz",
            status="offered",
            job="j",
            model="lstm-1",
            settings={"temperature": 0.5},
            facts={"bars": 8},
        )
        child = takes.add(connection, kind="music", how="edited", digest=made.keep_piece(score), parent=root.id)
        takes.revise(connection, child.id, 1, made.keep_piece(make_score(seed=1)))
        text = takes.add(connection, kind="text", how="written", digest=made.keep_piece(words))
        takes.change(connection, text.id, starred=True, tags=["a", "ü"], note="n")
        connection.execute("INSERT INTO corpora VALUES ('songs-1', 'Songs', 'uploaded', NULL, NULL, 5.0)")
        connection.execute("INSERT INTO corpora VALUES ('mine', 'Mine', 'folder', 'Music', '.', 5.0)")
    (made.corpora / "songs-1" / "a").mkdir(parents=True)
    (made.corpora / "songs-1" / "a" / "ü.txt").write_text("la")
    run = made.runs / "lstm-1"
    (run / "last").mkdir(parents=True)
    (run / "recipe.json").write_text("{}")
    (run / "model.safetensors").write_bytes(os.urandom(3 << 20))
    (run / ".half.tmp").write_text("half")
    yield made
    made.close()


@pytest.fixture
def other(tmp_path):
    made = Project(tmp_path / "other")
    yield made
    made.close()


@pytest.fixture
def zipped(project, tmp_path):
    path = tmp_path / "project.zip"
    with path.open("wb") as file:
        for part in archive.export(project):
            file.write(part)
    return path


def test_a_project_comes_back_whole(project, zipped, other):
    assert unpacking.bring(other, zipped) == {"takes": 3, "models": 1, "corpora": 1}
    assert found(other) == found(project)
    for take in found(project):
        assert other.piece_bytes(take.digest, take.kind) == project.piece_bytes(take.digest, take.kind)
    with other.read() as connection:
        rows = [tuple(row) for row in connection.execute("SELECT id, name, origin FROM corpora")]
    assert rows == [("songs-1", "Songs", "uploaded")]
    assert (other.corpora / "songs-1" / "a" / "ü.txt").read_text() == "la"
    weights = "model.safetensors"
    assert (other.runs / "lstm-1" / weights).read_bytes() == (project.runs / "lstm-1" / weights).read_bytes()
    assert not (other.runs / "lstm-1" / ".half.tmp").exists()
    assert not [path for path in other.folder.iterdir() if path.name.startswith(".importing")]


def test_any_unzipper_reads_it_and_the_manifest_names_all(zipped):
    with zipfile.ZipFile(zipped) as opened:
        assert opened.testzip() is None
        manifest = json.loads(opened.read("manifest.json"))
        assert set(manifest["files"]) == set(opened.namelist()) - {"manifest.json"}
        for name, said in manifest["files"].items():
            data = opened.read(name)
            assert said == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert manifest["takes"] == 3 and manifest["left out"] == []


def test_no_more_than_a_part_is_held_on_the_way_out(project):
    with (project.runs / "lstm-1" / "large.bin").open("wb") as file:
        file.truncate(200 << 20)
    tracemalloc.start()
    largest = max(len(part) for part in archive.export(project))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert largest < 2 << 20 and peak < 20 << 20


def test_where_ids_are_taken_takes_have_new_ones_and_keep_their_parents(project, zipped):
    before = found(project)
    assert unpacking.bring(project, zipped) == {"takes": 3, "models": 0, "corpora": 1}
    after = found(project)
    assert after[:3] == before and len({take.id for take in after}) == 6
    assert [take.number for take in after] == [1, 2, 3, 4, 5, 6]
    assert after[4].parent == after[3].id and [take.digest for take in after[3:]] == [take.digest for take in before]
    assert [path.name for path in project.runs.iterdir()] == ["lstm-1"]  # which was there already
    assert len(list(project.corpora.iterdir())) == 2


def test_another_model_of_the_same_name_has_a_new_one_that_its_takes_know(zipped, other):
    (other.runs / "lstm-1").mkdir()
    (other.runs / "lstm-1" / "recipe.json").write_text('{"other": 1}')
    assert unpacking.bring(other, zipped)["models"] == 1
    assert found(other)[0].model == "lstm-1-2" and (other.runs / "lstm-1-2" / "model.safetensors").is_file()
    assert (other.runs / "lstm-1" / "recipe.json").read_text() == '{"other": 1}'


def test_a_piece_whose_last_note_was_deleted_comes_back_too(project, other, tmp_path):
    digest = project.keep_piece(Score(480))
    with project.connect() as connection:
        takes.add(connection, kind="music", how="edited", digest=digest)
    file = tmp_path / "silent.zip"
    file.write_bytes(b"".join(archive.export(project)))
    unpacking.bring(other, file)
    assert not other.piece(digest, "music").tracks


def test_a_take_whose_piece_is_gone_is_left_out_and_named(project, other, tmp_path):
    take = found(project)[0]
    project.piece_path(take.digest, "music").unlink()
    (tmp_path / "z.zip").write_bytes(b"".join(archive.export(project)))
    with zipfile.ZipFile(tmp_path / "z.zip") as opened:
        assert json.loads(opened.read("manifest.json"))["left out"] == [f"take {take.id}"]


def test_a_child_whose_parent_was_left_out_comes_back(project, other, tmp_path):
    with project.connect() as connection:
        connection.execute("UPDATE takes SET digest = ? WHERE number = 1", ("0" * 64,))
    (tmp_path / "z.zip").write_bytes(b"".join(archive.export(project)))
    assert unpacking.bring(other, tmp_path / "z.zip")["takes"] == 2
    assert [take.parent for take in found(other)] == [None, None]


# What is not the zip of a project


def rewritten(zipped, path, change):
    """The zip with other files, which its manifest knows; change: dict of names and bytes in, the same out."""
    with zipfile.ZipFile(zipped) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    files = change(files) or files
    manifest["files"] = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in {**files, "manifest.json": json.dumps(manifest).encode()}.items():
            opened.writestr(name, data)
    return path


def assert_refused(other, path, why="this zip cannot be taken up"):
    before = tree(other)
    with pytest.raises(UsageError, match=why):
        unpacking.bring(other, path)
    assert tree(other) == before and found(other) == []
    assert not any(path.name.startswith(".importing") for path in other.folder.iterdir())
    with other.read() as connection:
        assert connection.execute("SELECT count(*) FROM corpora").fetchone()[0] == 0


NAMES = [
    "../evil.txt",
    "runs/../../evil.txt",
    "/etc/evil",
    "C:\\evil.txt",
    "runs\\x\\y",
    "runs/x/..",
    "runs//x",
    "runs/x/.hidden",
    "runs/x/a\nb",
    "runs/x/a:b",
    "runs/file",
    "studio.sqlite",
    "token",
    "pieces/../token",
    "pieces/x.mid",
    f"pieces/{'0' * 64}.exe",
    "corpora/UP/x.mid",
    "corpora/x",
    "/".join(["runs", *"abcdefghijklmnop", "x"]),
    f"runs/x/{'y' * 256}",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_project_has_are_refused(zipped, other, tmp_path, name):
    path = rewritten(zipped, tmp_path / "evil.zip", lambda files: {**files, name: b"evil"})
    assert_refused(other, path, "which no project has")
    assert not (tmp_path / "evil.txt").exists()


def test_links_are_refused(zipped, other, tmp_path):
    path = shutil.copy(zipped, tmp_path / "evil.zip")
    with zipfile.ZipFile(path, "a") as opened:
        info = zipfile.ZipInfo("runs/x/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(info, "/etc/passwd")
    assert_refused(other, path, "which no project has")


def test_bombs_are_refused_before_they_are_unpacked(zipped, other, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "_unpack", lambda *_: pytest.fail("it was unpacked"))
    path = rewritten(zipped, tmp_path / "evil.zip", lambda files: {**files, "runs/x/zeros": bytes(50 << 20)})
    assert_refused(other, path, "times as large as it is packed")


def test_files_that_share_their_bytes_are_refused(zipped, other, tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("runs/x/0", os.urandom(1000))
        first = opened.infolist()[0]
        for number in range(1, 50):
            info = zipfile.ZipInfo(f"runs/x/{number}")
            info.file_size, info.compress_size, info.CRC = first.file_size, first.compress_size, first.CRC
            info.header_offset = first.header_offset
            opened.filelist.append(info)
            opened.NameToInfo[info.filename] = info
    assert_refused(other, path, "overlap")


@pytest.mark.parametrize(
    ("limit", "value"), [("MOST_FILES", 3), ("MOST_BYTES", 1000), ("MOST_JSON", 10), ("_DIRECTORY", 50)]
)
def test_more_than_any_project_has_is_refused(zipped, other, monkeypatch, limit, value):
    monkeypatch.setattr(unpacking, limit, value)
    assert_refused(other, zipped)


def test_without_room_on_the_disk_nothing_is_begun(zipped, other, monkeypatch):
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1 << 20))
    with pytest.raises(DiskFull, match="The disk is full"):
        unpacking.bring(other, zipped)
    assert found(other) == [] and not list(other.runs.iterdir())


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all" * 100, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_refused(other, tmp_path, data):
    (tmp_path / "x.zip").write_bytes(data)
    assert_refused(other, tmp_path / "x.zip")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_zip_that_breaks_off_is_refused(zipped, other, tmp_path, share):
    data = zipped.read_bytes()
    (tmp_path / "x.zip").write_bytes(data[: int(len(data) * share)])
    assert_refused(other, tmp_path / "x.zip")


def test_a_zip_with_flipped_bytes_is_refused_or_gives_the_same(zipped, project, tmp_path):
    data = zipped.read_bytes()
    for place in [*range(10, 2000, 331), len(data) // 2, *range(len(data) - 1500, len(data), 231)]:
        (tmp_path / "x.zip").write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        other = Project(tmp_path / f"other-{place}")
        try:
            unpacking.bring(other, tmp_path / "x.zip")
        except UsageError:
            assert found(other) == [] and not list(other.runs.iterdir())
        else:
            assert found(other) == found(project)
        other.close()


def test_a_file_that_is_not_what_the_manifest_says_is_refused(zipped, other, tmp_path):
    path = rewritten(zipped, tmp_path / "x.zip", lambda files: None)
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as opened, zipfile.ZipFile(buffer, "w") as written:
        for name in opened.namelist():
            data = opened.read(name)
            written.writestr(name, data[::-1] if name.endswith("safetensors") else data)
    path.write_bytes(buffer.getvalue())
    assert_refused(other, path, "model.safetensors' is damaged")


@pytest.mark.parametrize("name", ["takes.jsonl", "corpora.jsonl", "manifest.json", "runs/lstm-1/recipe.json"])
def test_a_zip_from_which_something_was_taken_is_refused(zipped, other, tmp_path, name):
    with zipfile.ZipFile(zipped) as opened, zipfile.ZipFile(tmp_path / "x.zip", "w") as written:
        for one in opened.namelist():
            if one != name:
                written.writestr(one, opened.read(one))
    assert_refused(other, tmp_path / "x.zip")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "../x"},
        {"id": None},
        {"parent": "nobody"},
        {"kind": "video"},
        {"how": 5},
        {"title": "x" * 300},
        {"starred": "yes"},
        {"tags": [1]},
        {"tags": "a"},
        {"version": 2**70},
        {"version": "1"},
        {"created": float("nan")},
        {"created": "today"},
        {"settings": []},
        {"facts": None},
        {"digest": "0" * 64},
        {"digest": "../../token"},
        {"model": {}},
    ],
)
def test_takes_that_make_no_sense_are_refused(zipped, other, tmp_path, wrong):
    def change(files):
        rows = [json.loads(line) for line in files["takes.jsonl"].splitlines()]
        rows[1] |= wrong
        return {**files, "takes.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode()}

    assert_refused(other, rewritten(zipped, tmp_path / "x.zip", change), ".")


@pytest.mark.parametrize(
    "lines", [b"[1]\n", b"{\n", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"id": 1' + b"0" * 5000 + b"}"]
)
@pytest.mark.parametrize("name", ["takes.jsonl", "corpora.jsonl"])
def test_lists_that_are_none_are_refused(zipped, other, tmp_path, lines, name):
    assert_refused(other, rewritten(zipped, tmp_path / "x.zip", lambda files: {**files, name: lines}))


@pytest.mark.parametrize("wrong", [{"id": "../../x"}, {"id": "UP"}, {"name": 3}, {"created": None}])
def test_corpora_that_make_no_sense_are_refused(zipped, other, tmp_path, wrong):
    row = {"id": "songs-1", "name": "Songs", "created": 5.0, **wrong}
    change = {"corpora.jsonl": json.dumps(row).encode()}
    assert_refused(other, rewritten(zipped, tmp_path / "x.zip", lambda files: {**files, **change}))


def test_a_piece_that_is_no_music_is_refused(zipped, other, tmp_path):
    def change(files):
        name = next(name for name in files if name.endswith(".mid"))
        bad = b"MThd" + bytes(40)
        digest = hashlib.sha256(bad).hexdigest()
        old = name.removeprefix("pieces/").removesuffix(".mid")
        text = files["takes.jsonl"].decode().replace(old, digest)
        return {**files, f"pieces/{digest}.mid": bad, "takes.jsonl": text.encode()}

    assert_refused(other, rewritten(zipped, tmp_path / "x.zip", change), "a piece cannot be read")


def test_what_fails_at_the_very_end_leaves_nothing_half(zipped, other, monkeypatch):
    restore, calls = takes.restore, []

    def fails(*arguments):
        calls.append(arguments)
        if len(calls) == 6:  # the last of three, after all were rehearsed
            raise KeyboardInterrupt
        return restore(*arguments)

    monkeypatch.setattr(takes, "restore", fails)
    with pytest.raises(KeyboardInterrupt):
        unpacking.bring(other, zipped)
    assert found(other) == [] and not list(other.runs.iterdir()) and not list(other.corpora.iterdir())


def test_what_a_killed_import_left_goes_at_the_next_start(other):
    left = other.folder / ".importing-0123"
    (left / "runs").mkdir(parents=True)
    unpacking.sweep(other)
    assert not left.exists()
