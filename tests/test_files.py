import pytest

from erato.files import replacing, write_json, write_text


def test_a_file_appears_only_when_the_block_ends_well(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    write_text(path, "before")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


def test_json_refuses_numbers_that_are_not_finite(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_what_fails_is_said_of_the_file_that_was_asked_for(tmp_path):
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(OSError) as raised:
        write_text(tmp_path / "folder.txt", "x")
    assert raised.value.filename == str(tmp_path / "folder.txt") and raised.value.filename2 is None
    with pytest.raises(OSError) as raised, replacing(tmp_path / "full.txt"):
        raise OSError(28, "No space left on device")
    assert raised.value.filename == str(tmp_path / "full.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.txt"]
