"""Corpora of a project: dropped files, folders that were allowed, and every way out of them that must be closed."""

import errno

import pytest

from erato import files
from erato.corpora import CORPORA
from erato.errors import UsageError
from erato.studio import folders
from erato.studio.errors import Conflict, DiskFull, NotThere
from erato.studio.jobs import Queue
from erato.studio.models import ID
from erato.studio.project import Project


@pytest.fixture
def allowed(tmp_path):
    """A folder with music in it, some of it deeper, beside one that nobody allowed."""
    top = tmp_path / "Music"
    (top / "Bach" / "organ").mkdir(parents=True)
    (top / "Zappa").mkdir()
    (top / ".hidden").mkdir()
    (top / "Bach" / "one.mid").write_bytes(b"MThd")
    (top / "Bach" / "organ" / "two.mid").write_bytes(b"MThd12")
    (top / "Bach" / "cover.jpg").write_bytes(b"123")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "diary.txt").write_text("mine")
    return top


@pytest.fixture
def project(tmp_path, allowed):
    return Project(tmp_path / "project", folders=[allowed])


def inside(project, id):
    """The files of a corpus, by their paths."""
    top = project.corpora / id
    return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())


def test_dropped_files_are_kept_as_they_were_called(project):
    corpus = folders.new(project, "My Études (1)")
    assert ID.fullmatch(corpus["id"])
    assert (corpus["name"], corpus["origin"], corpus["files"], corpus["kind"]) == ("My Études (1)", "uploaded", 0, None)
    id = corpus["id"]
    assert folders.keep_file(project, id, "Chopin/op 10/nº 1.mid", b"MThd") == "Chopin/op 10/nº 1.mid"
    assert folders.keep_file(project, id, "Chopin\\op 25\\a.mid", b"MThd1") == "Chopin/op 25/a.mid"
    assert folders.keep_file(project, id, "./b//c.doc", b"x") == "b/c.doc"
    assert folders.keep_file(project, id, "b/c.doc", b"xyz") == "b/c.doc"  # again
    assert inside(project, id) == ["Chopin/op 10/nº 1.mid", "Chopin/op 25/a.mid", "b/c.doc"]
    found = folders.one(project, id)
    assert (found["files"], found["bytes"], found["kind"]) == (3, 4 + 5 + 3, "music")
    assert folders.corpora(project)[0] == found
    assert folders.source(project, id) == str(project.corpora / id)
    folders.keep_file(project, id, "words.txt", b"la")
    assert folders.one(project, id)["kind"] == "music"


def test_a_corpus_of_words(project):
    id = folders.new(project, "Songs")["id"]
    folders.keep_file(project, id, "a.txt", b"la")
    assert folders.one(project, id)["kind"] == "text"


@pytest.mark.parametrize(
    "path",
    [
        "../a.mid", "a/../../b.mid", "/etc/passwd", "..", "a/..", "\\\\server\\x.mid", "..\\a.mid", "C:\\x.mid",
        "C:x.mid", "", "/", "   ", ".", "a/" * 16 + "b.mid", "x" * 201, "é" * 101, "\0", "\n/\n",
    ],
)  # fmt: skip
def test_no_dropped_file_leads_out_of_its_corpus(project, path, tmp_path):
    id = folders.new(project, "x")["id"]
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError):
        folders.keep_file(project, id, path, b"x")
    assert [one for one in sorted(tmp_path.rglob("*")) if one not in before and "sqlite" not in one.name] == []


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("<img src=x onerror=alert(1)>.mid", "img src=x onerror=alert(1) .mid"),
        ("a\0b.mid", "a b.mid"),
        ("line\nbreak.mid", "line break.mid"),
        ("\ud800.mid", ".mid"),
        ("%2e%2e/x.mid", "%2e%2e/x.mid"),
        ("...", "..."),
        ("e\u0301.mid", "\u00e9.mid"),
    ],
)
def test_names_are_cleaned(project, path, kept):
    id = folders.new(project, "x")["id"]
    assert folders.keep_file(project, id, path, b"x") == kept
    assert inside(project, id) == [kept]


def test_a_name_of_a_file_and_of_a_folder(project):
    id = folders.new(project, "x")["id"]
    folders.keep_file(project, id, "a", b"x")
    with pytest.raises(UsageError, match="name of a file and of a folder"):
        folders.keep_file(project, id, "a/b.mid", b"x")
    folders.keep_file(project, id, "c/d.mid", b"x")
    with pytest.raises(UsageError, match="name of a file and of a folder"):
        folders.keep_file(project, id, "c", b"x")
    assert inside(project, id) == ["a", "c/d.mid"]


def test_a_corpus_holds_so_many_files_and_bytes(project, monkeypatch):
    monkeypatch.setattr(folders, "MOST_FILES", 2)
    monkeypatch.setattr(folders, "MOST_BYTES", 10)
    id = folders.new(project, "x")["id"]
    folders.keep_file(project, id, "a", b"1234")
    folders.keep_file(project, id, "b", b"1234")
    with pytest.raises(UsageError, match="holds 2 files"):
        folders.keep_file(project, id, "c", b"1")
    with pytest.raises(UsageError, match="more is not kept"):
        folders.keep_file(project, id, "b", b"1234567")
    folders.keep_file(project, id, "b", b"123456")  # in place of the one before
    monkeypatch.setattr(folders, "_kept", {})  # another process counts what is there
    with pytest.raises(UsageError, match="holds 2 files"):
        folders.keep_file(project, id, "c", b"1")


def test_a_full_disk_is_said_and_costs_no_count(project, monkeypatch):
    id = folders.new(project, "x")["id"]

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_bytes", full)
        with pytest.raises(DiskFull):
            folders.keep_file(project, id, "a", b"1234")
    monkeypatch.setattr(folders, "MOST_FILES", 1)
    assert folders.keep_file(project, id, "b", b"1") == "b"


def test_folders_that_were_allowed_can_be_looked_into_and_linked(project, allowed):
    assert folders.browse(project, "Music") == {"folder": "Music", "path": "", "folders": ["Bach", "Zappa"], "files": 2}
    assert folders.browse(project, "Music", "Bach") == {
        "folder": "Music",
        "path": "Bach",
        "folders": ["organ"],
        "files": 2,
    }
    corpus = folders.link(project, "Music", "Bach")
    assert (corpus["name"], corpus["origin"], corpus["files"], corpus["kind"]) == ("Bach", "folder", 3, "music")
    assert folders.source(project, corpus["id"]) == str(allowed / "Bach")
    assert corpus["summary"] == "a folder of your own: Music/Bach"
    everything = folders.link(project, "Music", "", "All of it")
    assert (everything["name"], everything["summary"]) == ("All of it", "a folder of your own: Music")


@pytest.mark.parametrize(
    "path",
    [
        "..", "../secret", "Bach/../../secret", "/etc", "Bach/one.mid", "nowhere", "a\0", "x" * 5000, "~", "out",
        "Bach/out", "Bach/up/../..",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_an_allowed_folder(project, allowed, tmp_path, path):
    (allowed / "out").symlink_to(tmp_path / "secret")
    (allowed / "Bach" / "up").symlink_to("..")
    (allowed / "Bach" / "out").symlink_to(tmp_path)
    for ask in (folders.browse, folders.link):
        with pytest.raises(UsageError, match="no folder"):
            ask(project, "Music", path)
    assert [one for one in folders.corpora(project) if one["origin"] != "builtin"] == []


def test_a_folder_that_nobody_allowed(project):
    for name in ("secret", "", "..", "/", "Music/.."):
        with pytest.raises(NotThere, match="--folder"):
            folders.browse(project, name)


def test_links_that_lead_out_are_not_followed_and_not_learned_from(project, allowed, tmp_path):
    corpus = folders.link(project, "Music")
    assert "out" not in folders.browse(project, "Music")["folders"]
    (allowed / "Zappa" / "same.mid").symlink_to(allowed / "Bach" / "one.mid")
    assert folders.source(project, corpus["id"])
    (allowed / "Zappa" / "out.txt").symlink_to(tmp_path / "secret" / "diary.txt")
    with pytest.raises(UsageError, match=r"out\.txt is a link that leads out"):
        folders.source(project, corpus["id"])
    assert folders.browse(project, "Music")["files"] == 2
    (allowed / "Zappa" / "out.txt").unlink()
    (allowed / "Zappa" / "deep").symlink_to(tmp_path / "secret", target_is_directory=True)
    with pytest.raises(UsageError, match="leads out"):
        folders.source(project, corpus["id"])


def test_a_folder_that_is_gone_or_allowed_no_longer(project, allowed, tmp_path):
    id = folders.link(project, "Music", "Zappa")["id"]
    other = Project(tmp_path / "project", folders=[tmp_path / "secret"])
    with pytest.raises(UsageError, match="was not allowed this time"):
        folders.source(other, id)
    assert "not allowed" in folders.one(other, id)["summary"]
    (allowed / "Zappa").rmdir()
    with pytest.raises(UsageError, match="no folder 'Zappa'"):
        folders.source(project, id)
    assert folders.one(project, id)["files"] == 0


def test_two_allowed_folders_of_one_name(tmp_path):
    for place in ("a/Music", "b/Music"):
        (tmp_path / place).mkdir(parents=True)
    project = Project(tmp_path / "project", folders=[tmp_path / "a" / "Music", tmp_path / "b" / "Music"])
    assert list(folders.allowed(project)) == ["Music", "Music 2"]
    (tmp_path / "b" / "Music" / "here").mkdir()
    assert folders.browse(project, "Music 2")["folders"] == ["here"]


def test_corpora_that_came_with_erato(project):
    found = {one["id"]: one for one in folders.corpora(project)}
    assert found["bach-chorales"]["origin"] == "builtin"
    assert found["chorale-lyrics"]["kind"] == "text"
    assert "maestro-v3" not in found  # would be downloaded
    assert folders.one(project, "bach-chorales") == found["bach-chorales"]
    assert folders.source(project, "bach-chorales") == "bach-chorales"
    assert found.keys() <= CORPORA.keys()


def test_removing(project, allowed):
    dropped, linked = folders.new(project, "x"), folders.link(project, "Music")
    folders.keep_file(project, dropped["id"], "a.mid", b"1")
    job = Queue(project).submit("check", {"corpus": dropped["id"]})
    with pytest.raises(Conflict, match="in use"):
        folders.remove(project, dropped["id"])
    Queue(project).ask(job.id, "cancel")
    folders.remove(project, dropped["id"])
    folders.remove(project, linked["id"])
    assert not (project.corpora / dropped["id"]).exists()
    assert (allowed / "Bach" / "one.mid").is_file()
    for id in (dropped["id"], linked["id"], "bach-chorales", "../x"):
        with pytest.raises(NotThere):
            folders.remove(project, id)
    with pytest.raises(NotThere):
        folders.keep_file(project, dropped["id"], "a.mid", b"1")


def test_nothing_is_dropped_into_a_folder_of_the_persons(project, allowed):
    linked = folders.link(project, "Music")
    with pytest.raises(Conflict, match="folder of your own"):
        folders.keep_file(project, linked["id"], "a.mid", b"1")


@pytest.mark.parametrize("name", ["", "  ", "../../x", "<b>", "x" * 5000, "\0", "日本"])
def test_names_of_corpora_never_become_paths(project, name):
    corpus = folders.new(project, name)
    assert ID.fullmatch(corpus["id"])
    assert corpus["name"].strip()
    assert (project.corpora / corpus["id"]).is_dir()
    assert len(corpus["name"]) <= 200
