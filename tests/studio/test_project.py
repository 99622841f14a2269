"""A project's folder: made, opened again, shared by threads and processes, and refused where it is not sound."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest
from symusic import ControlChange

from erato.errors import EratoError, ReadError, UsageError
from erato.studio import takes
from erato.studio.errors import Busy, DiskFull, NotThere, plainly
from erato.studio.locks import Lock
from erato.studio.project import Project
from erato.studio.tables import to_text


def test_a_new_folder_has_all_that_a_project_has(project):
    names = {path.name for path in project.folder.iterdir()}
    assert {"studio.sqlite", "token", "pieces", "corpora", "runs", "cache"} <= names


def test_the_token_is_long_only_for_its_owner_and_kept(project):
    assert len(project.token) >= 32
    if os.name == "posix":
        assert stat.S_IMODE((project.folder / "token").stat().st_mode) == 0o600
    assert Project(project.folder).token == project.token


def test_a_token_that_is_too_short_is_replaced(project):
    (project.folder / "token").write_text("guess")
    assert len(Project(project.folder).token) >= 32


def test_a_token_that_others_could_read_is_closed_to_them(project):
    (project.folder / "token").chmod(0o644)
    Project(project.folder)
    assert stat.S_IMODE((project.folder / "token").stat().st_mode) == 0o600


def test_its_own_runs_come_first_and_no_folder_twice(tmp_path):
    own = tmp_path / "p" / "runs"
    project = Project(tmp_path / "p", run_folders=[tmp_path / "runs", own, tmp_path / "runs"])
    assert project.run_folders == (own, tmp_path / "runs")


def test_a_file_is_no_project(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        Project(tmp_path / "file")


@pytest.mark.parametrize("damage", [b"no database at all, but long enough to be one" * 100, b""])
def test_a_damaged_database_is_named_and_left_as_it_is(project, damage):
    project.keep_piece("words")
    project.close()
    project.database.write_bytes(damage)
    with pytest.raises(UsageError, match=r"studio.sqlite is damaged.*move it elsewhere"):
        Project(project.folder)
    assert project.database.read_bytes() == damage


def test_a_database_damaged_in_the_middle_is_named(project):
    with project.connect() as connection:
        for number in range(300):
            takes.add(connection, kind="text", how="written", digest="0" * 64, title=f"{number} {'x' * 150}")
    project.close()
    data = bytearray(project.database.read_bytes())
    data[4096 * 4 : 4096 * 12] = os.urandom(4096 * 8)
    project.database.write_bytes(data)
    with pytest.raises(UsageError, match="damaged"):
        Project(project.folder)
    assert project.database.read_bytes() == data


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "p").mkdir()
    connection = sqlite3.connect(tmp_path / "p" / "studio.sqlite")
    connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    before = (tmp_path / "p" / "studio.sqlite").read_bytes()
    with pytest.raises(UsageError, match="another program"):
        Project(tmp_path / "p")
    assert (tmp_path / "p" / "studio.sqlite").read_bytes() == before


def test_a_database_of_a_newer_erato_is_refused(project):
    with project.connect() as connection:
        connection.execute("PRAGMA user_version = 7")
    project.close()
    with pytest.raises(UsageError, match="newer Erato"):
        Project(project.folder)


def test_a_transaction_is_kept_whole_or_not_at_all(project):
    def count():
        with project.read() as connection:
            return len(takes.find(connection))

    with pytest.raises(KeyboardInterrupt), project.connect() as connection:
        takes.add(connection, kind="text", how="written", digest="0" * 64)
        raise KeyboardInterrupt
    assert count() == 0
    with project.connect() as connection:
        takes.add(connection, kind="text", how="written", digest="0" * 64)
    assert count() == 1


def test_threads_write_one_after_another_and_none_is_lost(project):
    def write():
        for _ in range(10):
            with project.connect() as connection:
                takes.add(connection, kind="text", how="written", digest="0" * 64)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with project.read() as connection:
        assert [take.number for take in takes.find(connection)] == list(range(80, 0, -1))


def test_reading_waits_for_no_writer(project):
    with project.connect() as writing:
        takes.add(writing, kind="text", how="written", digest="0" * 64)
        with project.read() as connection:
            assert takes.find(connection) == []


def test_a_full_disk_is_said_in_plain_words_and_nothing_is_lost(project):
    with project.connect() as connection:
        kept = takes.add(connection, kind="text", how="written", digest="0" * 64)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    with pytest.raises(DiskFull, match=r"disk is full: nothing was lost"), project.connect() as connection:
        connection.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(1000):
            takes.add(connection, kind="text", how="written", digest="0" * 64, facts={"x": "y" * 1000})
    with project.read() as connection:
        assert [take.id for take in takes.find(connection)] == [kept.id]


def test_a_database_that_another_program_keeps_is_said_so(project, monkeypatch):
    monkeypatch.setattr("erato.studio.project._PATIENCE", 0.05)
    other = sqlite3.connect(project.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="in use by another program"), project.connect():
        pass
    other.execute("ROLLBACK")
    other.close()


def test_pieces_come_back_as_they_were_kept(project, make_score):
    score = make_score()
    score.tracks[0].controls.append(ControlChange(0, 7, 99))
    digest = project.keep_piece(score, {"seed": 3})
    back = project.piece(digest, "music")
    assert [list(track.notes) for track in back.tracks] == [list(track.notes) for track in score.tracks]
    assert [(c.number, c.value) for c in back.tracks[0].controls] == [(7, 99)]
    assert b'"seed":3' in project.piece_bytes(digest, "music")
    assert project.piece_path(digest, "music").name == f"{digest}.mid"
    words = project.keep_piece("Ä\r\nb\n")
    assert project.piece(words, "text") == "Ä\r\nb\n"


def test_half_a_character_is_kept_as_a_question_mark(project):
    assert project.piece(project.keep_piece("a\ud800b"), "text") == "a?b"


def test_a_piece_that_was_changed_on_the_disk_is_refused_and_mended_when_kept_again(project):
    digest = project.keep_piece("words")
    project.piece_path(digest, "text").write_text("other words")
    with pytest.raises(ReadError, match="damaged"):
        project.piece(digest, "text")
    assert project.keep_piece("words") == digest
    assert project.piece(digest, "text") == "words"
    project.piece_path(digest, "text").unlink()
    with pytest.raises(NotThere, match="missing"):
        project.piece(digest, "text")


@pytest.mark.parametrize(("digest", "kind"), [("../token", "text"), ("0" * 63, "text"), ("0" * 64, "zip")])
def test_only_a_sha256_and_a_kind_name_a_piece(project, digest, kind):
    with pytest.raises(UsageError):
        project.piece_path(digest, kind)


def test_errors_that_are_no_fault_of_erato_have_plain_words():
    assert isinstance(plainly(OSError(28, "No space left on device")), DiskFull)
    assert "not enough memory" in str(plainly(MemoryError()))
    assert "not enough memory" in str(plainly(RuntimeError("CUDA out of memory. Tried to allocate")))
    assert plainly(RuntimeError("shapes differ")) is None and plainly(ValueError("x")) is None
    known = EratoError("x")
    assert plainly(known) is known


def test_values_become_json_whatever_they_are(tmp_path):
    import numpy as np

    said = {"a": float("inf"), "b": np.float32(0.5), "c": np.arange(2), "d": (1, None), "e": tmp_path, 3: "\ud800\0"}
    assert to_text(said) == f'{{"a":null,"b":0.5,"c":[0,1],"d":[1,null],"e":"{tmp_path}","3":"?"}}'


HOLDS = """
import sys, time
from pathlib import Path
from erato.studio.locks import Lock
print(Lock(Path(sys.argv[1])).take(), flush=True)
time.sleep(60)
"""


def test_a_lock_is_held_by_one_process_and_freed_when_it_is_killed(tmp_path):
    lock = Lock(tmp_path / "lock")
    other = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout.readline() == "True\n"
        assert not lock.take() and lock.holder == str(other.pid)
        other.kill()
    assert lock.take() and lock.holder == str(os.getpid())
    assert not Lock(tmp_path / "lock").take()  # nor twice by one process
    lock.give_back()
    assert Lock(tmp_path / "lock").take()
