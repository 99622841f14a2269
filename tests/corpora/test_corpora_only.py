"""Files of a corpus by name: only these are read, and a run says which they were."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from erato import corpora, pipeline
from erato.corpora import Folder
from erato.errors import RunError, UsageError
from erato.recipes import TINY

Song = Callable[..., bytes]
Tune = Callable[..., list[int]]


@pytest.fixture
def folder(tmp_path: Path, song: Song, tune: Tune) -> Path:
    """0.mid to 5.mid, of which 4 and 5 are in folders; 1.mid is in one, too."""
    found = tmp_path / "music"
    for seed, name in enumerate(
        ["0.mid", "1.mid", "2.mid", "3.mid", "a/4.mid", "b/5.mid", "b/1.mid", "a/x.mid", "b/x.mid"]
    ):
        (found / name).parent.mkdir(parents=True, exist_ok=True)
        (found / name).write_bytes(song(tune(seed)))
    return found


@pytest.mark.parametrize(
    ("only", "kept"),
    [
        (["2.mid", "0.mid"], ["0.mid", "2.mid"]),
        (["3.mid", "a/4.mid", "3.mid"], ["3.mid", "a/4.mid"]),
        (["0.mid", "5.mid"], ["0.mid", "b/5.mid"]),
        (["0.mid", "1.mid"], ["0.mid", "1.mid"]),  # a path wins over the name of another
        (["./b/1.mid", "2.mid"], ["2.mid", "b/1.mid"]),
        (["x.mid"], ["a/x.mid", "b/x.mid"]),
    ],
)
def test_only_the_named_files_are_read(folder: Path, only: list[str], kept: list[str]) -> None:
    pieces = corpora.find(folder, only=only).pieces("music")
    assert [entry.file for entry in pieces.entries] == kept
    assert [file["name"] for file in pieces.manifest["files"]] == kept
    assert pieces.manifest["only"] == only


def test_without_names_all_files_are_read_and_the_first_are_of_the_named(folder: Path) -> None:
    assert len(Folder(folder).pieces("music")) == 9
    pieces = corpora.find(folder, only=["3.mid", "0.mid", "2.mid"], max_files=2).pieces("music")
    assert [entry.file for entry in pieces.entries] == ["0.mid", "2.mid"]


def test_other_names_are_another_corpus(folder: Path) -> None:
    hashes = [
        corpora.find(folder, only=only).pieces("music").hash
        for only in (["0.mid", "1.mid"], ["0.mid", "2.mid"], ["1.mid", "0.mid"], [])
    ]
    assert hashes[0] == hashes[2]
    assert len(set(hashes)) == 3


@pytest.mark.parametrize("name", ["0.midi", "a/5.mid", "a", "", "../music/0.mid"])
def test_names_that_no_file_has_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="unknown file of music"):
        corpora.find(folder, only=["1.mid", name]).pieces("music")


def test_what_was_perhaps_meant_is_said(folder: Path) -> None:
    (folder / "minuet.mid").write_bytes((folder / "0.mid").read_bytes())
    with pytest.raises(UsageError, match=r"did you mean minuet\.mid\?"):
        corpora.find(folder, only=["minuett.mid"]).pieces("music")


def test_accents_may_be_composed_or_not(folder: Path, song: Song, tune: Tune) -> None:
    (folder / unicodedata.normalize("NFD", "Élise.mid")).write_bytes(song(tune(20)))
    pieces = corpora.find(folder, only=[unicodedata.normalize("NFC", "Élise.mid"), "0.mid"]).pieces("music")
    assert len(pieces) == 2


def test_names_that_are_not_text_can_be_said(folder: Path, song: Song, tune: Tune) -> None:
    (folder / "\udcff.mid").write_bytes(song(tune(20)))
    pieces = corpora.find(folder, only=["\udcff.mid", "0.mid"]).pieces("music")
    json.dumps(pieces.manifest, ensure_ascii=False).encode()
    assert len(pieces) == 2


def test_one_named_file_holds_something_out(folder: Path) -> None:
    pieces = corpora.find(folder, only=["0.mid"]).pieces("music")
    assert {entry.split for entry in pieces.entries} >= {"train", "valid"}
    assert {entry.file for entry in pieces.entries} == {"0.mid"}


def test_named_corpora_can_be_narrowed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(corpora.CORPORA, "mine", Folder(folder))
    assert len(corpora.find("mine", only=["0.mid", "1.mid"]).pieces("music")) == 2
    assert len(corpora.find("mine").pieces("music")) == 9


def test_a_run_says_its_files_and_finds_them_again(folder: Path, tmp_path: Path) -> None:
    only = ["0.mid", "2.mid", "3.mid"]
    run = pipeline.train(TINY["event-transformer"], folder, tmp_path / "run", only=only)
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["source"]["only"] == only
    notes: list[str] = []
    reporter = pipeline.Reporter()
    reporter.note = notes.append  # type: ignore[method-assign]
    pieces = run._pieces(None, reporter)
    assert [entry.file for entry in pieces.entries] == only
    assert notes == []  # nothing has changed
    assert len(run._pieces(folder, reporter)) == 9  # of another corpus all are read


def test_the_same_names_go_on_and_others_do_not(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = TINY["event-transformer"]
    only = ["0.mid", "2.mid", "3.mid"]

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.training, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pipeline.train(recipe, folder, tmp_path / "run", only=only)
    with pytest.raises(RunError, match="is gone"):
        pipeline.train(recipe, folder, tmp_path / "run", only=["0.mid", "2.mid"])
    assert pipeline.train(recipe, folder, tmp_path / "run", only=only).folder == tmp_path / "run"
