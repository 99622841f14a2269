"""Where passages of training pieces are looked up: made once, made again where it is damaged, never stale."""

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import write_scales, write_songs  # type: ignore[import-not-found]

from erato import training_index
from erato.corpora import Folder
from erato.evaluation.originality import shared
from erato.evaluation.passage_index import PassageIndex
from erato.evaluation.text_originality import TextIndex, shared_text
from erato.passages import NO_TOKEN, lines, tokens
from erato.training_index import melody_tokens, music_index, words_index


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_songs(write_scales(tmp_path_factory.mktemp("index") / "music", 20), 20)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ERATO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


KINDS = {"music": (music_index, PassageIndex), "text": (words_index, TextIndex)}


def made(cache, kind):
    """The folder of the one index in the cache."""
    (folder,) = (cache / f"{kind}-passages").iterdir()
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_of_the_training_pieces_is_made_once(folder, cache, monkeypatch, kind):
    make, klass = KINDS[kind]
    pieces = Folder(folder).pieces(kind)
    told = []
    first = make(pieces, lambda *said: told.append(said))
    training = [pieces.entries[at].name for at in pieces.split("train")]
    assert list(first.names) == training and 0 < len(training) < len(pieces)
    assert told[-1] == (len(training), len(training), "reading training pieces to look passages up")
    monkeypatch.setattr(klass, "build", lambda pieces: pytest.fail("it is there"))
    assert list(make(pieces).names) == training
    assert not [path for path in (cache / f"{kind}-passages").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("harm", ["cut", "empty", "gone", "foreign", "file"])
def test_a_damaged_index_is_made_again(folder, cache, kind, harm):
    make, _ = KINDS[kind]
    pieces = Folder(folder).pieces(kind)
    names = list(make(pieces).names)
    there = made(cache, kind)
    array = next(iter(sorted(there.glob("*order.npy"))))
    if harm == "cut":
        array.write_bytes(array.read_bytes()[:-8])
    elif harm == "empty":
        (there / "index.json").write_text("")
    elif harm == "gone":
        array.unlink()
    elif harm == "foreign":
        (there / "index.json").write_text('{"kind": "something else"}')
    else:
        there.rename(there.with_name("away"))
        there.write_text("a file in its place")
    assert list(make(pieces).names) == names
    if harm != "file":  # where something else is in the way, it is made in memory
        assert sorted(path.name for path in there.iterdir()) and list(make(pieces).names) == names


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_kept_is_looked_up_all_the_same(folder, cache, monkeypatch, kind):
    make, klass = KINDS[kind]

    def full(self, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(klass, "save", full)
    pieces = Folder(folder).pieces(kind)
    index = make(pieces)
    training, held_out = pieces.split("train"), pieces.split("test")
    if kind == "music":
        assert shared(index, pieces[training[0]]).melody.notes == 32 > shared(index, pieces[held_out[0]]).melody.notes
    else:
        text = pieces[training[0]]
        assert shared_text(index, text).characters.length == len(text)


def test_an_index_is_of_one_corpus_one_split_and_one_code(folder, cache, monkeypatch):
    pieces = Folder(folder).pieces("music")
    others = Folder(folder).pieces("music", seed=1)
    assert pieces.split("train") != others.split("train")
    assert list(music_index(others).names) == [others.entries[at].name for at in others.split("train")]
    music_index(pieces)
    assert len(list((cache / "music-passages").iterdir())) == 2
    monkeypatch.setattr(training_index, "_code_hash", lambda: "tomorrow's")
    music_index(pieces)
    assert len(list((cache / "music-passages").iterdir())) == 3


def test_the_melodies_of_an_index_are_those_of_the_pieces(folder, cache):
    pieces = Folder(folder).pieces("music")
    found = melody_tokens(music_index(pieces))
    expected = []
    for at in pieces.split("train"):
        for line in lines(pieces[at]):
            if line.melody:
                expected += [*tokens(line.onset, line.pitch).tolist(), NO_TOKEN]
    assert found.dtype == np.int16 and found.tolist() == expected
    assert len(melody_tokens(PassageIndex.build([]))) == 0
