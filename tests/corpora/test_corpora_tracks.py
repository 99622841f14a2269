"""Which tracks are learnt from: by index, name, instrument, family and number."""

from collections.abc import Callable
from pathlib import Path

import pytest

from erato.corpora import Folder
from erato.errors import CorpusError, UsageError

Song = Callable[..., bytes]
Tune = Callable[..., list[int]]


@pytest.fixture
def band(tmp_path: Path, song: Song, tune: Tune) -> Path:
    for seed in range(2):
        data = song(tune(seed), names=("Melody", "Piano", ""), programs=(40, 0, 33))
        (tmp_path / f"{seed}.mid").write_bytes(data)
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ([], ["Melody", "Piano", ""]),
        (["0"], ["Melody"]),
        (["piano"], ["Piano"]),  # a name wins over the family
        (["mel"], ["Melody"]),
        (["violin"], ["Melody"]),
        (["strings"], ["Melody"]),
        (["program:33"], [""]),
        (["bass", "Melody"], ["Melody", ""]),
        (["0", "melody"], ["Melody"]),
    ],
)
def test_tracks_are_chosen(band: Path, wanted: list[str], kept: list[str]) -> None:
    pieces = Folder(band, track=wanted).pieces("music")
    assert [track.name for track in pieces[0].tracks] == kept
    left_out = {"Melody", "Piano", "Fingered Bass"} - {name or "Fingered Bass" for name in kept}
    assert set(pieces.manifest["tracks"]["left_out"]) == left_out
    assert set(pieces.manifest["files"][0].get("tracks_left_out", [])) == left_out


def test_files_without_the_track_are_skipped_and_named(band: Path, song: Song, tune: Tune) -> None:
    (band / "solo.mid").write_bytes(song(tune(5), names=("Flute",), programs=(73,)))
    pieces = Folder(band, track=["violin"]).pieces("music")
    assert len(pieces) == 2
    skipped = pieces.manifest["files"][-1]
    assert (skipped["name"], skipped["reason"]) == ("solo.mid", "no-track")
    assert "0 Flute" in skipped["message"]


def test_a_track_that_no_file_has_is_an_error_that_names_those_there(band: Path) -> None:
    with pytest.raises(CorpusError, match="0 Melody, 1 Piano, 2 Fingered Bass"):
        Folder(band, track=["tuba"]).pieces("music")


@pytest.mark.parametrize("wanted", ["", "program:128", "program:x"])
def test_what_can_never_be_a_track_is_refused(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(UsageError, match="--track"):
        Folder(tmp_path, track=[wanted])
