"""Renderers by suffix, and what holds for all of them."""

import subprocess
import sys
from pathlib import Path

import pytest
from symusic import Score, Track

from erato.errors import UsageError
from erato.general_midi import DRUMS, FAMILIES, PROGRAMS, instrument_name
from erato.renderers import RENDERERS, About, renderer_for
from erato.renderers.names import one_line, pitch_name, track_labels


def test_a_renderer_is_found_by_suffix_in_any_case() -> None:
    for suffix, renderer in RENDERERS.items():
        assert suffix == renderer.suffix and renderer.summary
        assert renderer_for(Path(f"a.b{suffix.upper()}")) is renderer


@pytest.mark.parametrize(("name", "hint"), [("x.midd", "did you mean .mid"), ("x", "'x'"), ("x.gif", "'.gif'")])
def test_an_unknown_suffix_is_named_with_what_there_is(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        renderer_for(Path(name))
    assert hint in str(raised.value) and ".png" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("x.musicxlm", ".musicxml"), ("x.xml", ".musicxml"), ("x.MXL", ".musicxml"), ("x.jpeg", ".png")),
        *(("x.wave", ".wav"), ("x.htm", ".html"), ("x.midi", ".mid")),
    ],
)
def test_the_suffix_that_was_meant_is_guessed(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"did you mean \{meant}\?"):
        renderer_for(Path(name))


@pytest.mark.parametrize("suffix", sorted(RENDERERS))
def test_every_renderer_writes_an_empty_score_over_what_was_there(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"x{suffix}"
    path.parent.mkdir()
    path.write_bytes(b"old")
    score = Score(480)
    RENDERERS[suffix].write(score, path, About("Nothing", {"seed": "1"}))
    first = path.read_bytes()
    RENDERERS[suffix].write(score, path, About("Nothing", {"seed": "1"}))
    assert first not in (b"old", b"") and path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


def test_matplotlib_is_imported_only_when_something_is_drawn() -> None:
    program = "import sys, erato.renderers; print([m for m in ('matplotlib', 'torch', 'music21') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_those_of_the_standards() -> None:
    assert (pitch_name(60), pitch_name(0), pitch_name(127)) == ("C4", "C-1", "G9")
    assert (pitch_name(61), pitch_name(61, flats=True), pitch_name(70, flats=True)) == ("C♯4", "D♭4", "B♭4")
    assert len(PROGRAMS) == len(set(PROGRAMS)) == 8 * len(FAMILIES) == 128
    assert [PROGRAMS[number - 1] for number in (1, 41, 57, 74, 128)] == [
        "Acoustic Grand Piano",
        "Violin",
        "Trumpet",
        "Flute",
        "Gunshot",
    ]
    assert sorted(DRUMS) == list(range(35, 82)) and DRUMS[38] == "Snare" and DRUMS[49] == "Crash 1"
    assert instrument_name(5, is_drum=True) == "Drums"
    assert one_line(" a\n\tb\u202e\x00c ") == "a b c"
    assert one_line("a\ufffeb\uffffc") == "a b c"


def test_tracks_are_called_so_that_they_can_be_told_apart() -> None:
    def named(*tracks: tuple[str, int, bool]) -> list[str]:
        return track_labels(Track(*each) for each in tracks)

    assert named(("Soprano", 0, False), ("Bass", 0, False)) == ["Soprano", "Bass"]
    assert named(("Soprano", 52, False), ("Bass", 0, False)) == ["Soprano (Choir Aahs)", "Bass (Acoustic Grand Piano)"]
    assert named(("", 0, False), (" \x00", 0, False), ("", 0, True)) == [
        "Acoustic Grand Piano 1",
        "Acoustic Grand Piano 2",
        "Drums",
    ]
    assert named(("violin", 40, False)) == ["Violin"]
