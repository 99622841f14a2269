"""Splits by group: stable, never without something held out, works and versions together."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from symusic import Note, Score, Track

from erato.corpora import Folder, Pieces
from erato.corpora.splits import assign, cut
from erato.errors import CorpusError
from erato.score import bars, end_tick

Song = Callable[..., bytes]
Tune = Callable[..., list[int]]


def splits(pieces: Pieces) -> dict[str, str]:
    return {entry.name: entry.split for entry in pieces.entries}


def test_shares_are_eighty_ten_ten() -> None:
    names = [f"work {number}" for number in range(5000)]
    counts = Counter(assign(names, [None] * 5000, seed=0))
    assert counts["train"] / 5000 == pytest.approx(0.8, abs=0.02)
    assert counts["valid"] / 5000 == pytest.approx(0.1, abs=0.02)
    assert assign(names, [None] * 5000, seed=1) != assign(names, [None] * 5000, seed=0)


def test_splits_stay_when_groups_are_added() -> None:
    few = [f"work {number}" for number in range(100)]
    many = ["a new one", *few, "another"]
    assert assign(many, [None] * 102, 0)[1:-1] == assign(few, [None] * 100, 0)


@pytest.mark.parametrize("count", range(2, 12))
def test_train_and_valid_are_never_empty(count: int) -> None:
    for seed in range(50):
        found = assign([str(number) for number in range(count)], [None] * count, seed)
        assert {"train", "valid"} <= set(found)


def test_published_splits_are_kept_and_take_their_work_along() -> None:
    groups = ["a", "a", "b", "c"]
    found = assign(groups, ["test", None, "train", "valid"], 0)
    assert found == ["test", "test", "train", "valid"]


def test_published_splits_that_hold_nothing_out_are_none() -> None:
    assert "valid" in assign(["a", "b", "c"], ["train"] * 3, 0)


def test_four_voice_arrays_keep_their_splits(tmp_path: Path) -> None:
    frames = [[[60 + i % 5, 55, 52, 48] for i in range(start, start + 16)] for start in range(8)]
    content = {"train": frames[:5], "valid": frames[5:6], "test": frames[6:]}
    import json

    (tmp_path / "x.json").write_text(json.dumps(content))
    pieces = Folder(tmp_path).pieces("music")
    # frames repeat with a period of 5: pieces 5, 6 and 7 are 0, 1 and 2 again, and stay, since the split is published
    assert [entry.split for entry in pieces.entries] == ["train"] * 5 + ["valid"] + ["test"] * 2


def test_adding_a_song_moves_no_other(tmp_path: Path, song: Song, tune: Tune) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.mid").write_bytes(song(tune(number)))
    before = splits(Folder(tmp_path).pieces("music"))
    (tmp_path / "00a.mid").write_bytes(song(tune(77)))
    after = splits(Folder(tmp_path).pieces("music"))
    assert {name: after[name] for name in before} == before


def performance(pitches: list[int], seed: int) -> bytes:
    """The tune as someone might play it: uneven, with a wrong note here and there."""
    rng = random.Random(seed)
    score = Score(480)
    score.tracks.append(Track("Piano", 0, False))
    now = 0
    for pitch in pitches:
        played = pitch + (rng.random() < 0.02)
        score.tracks[0].notes.append(Note(now, rng.randrange(100, 400), played, rng.randrange(40, 90)))
        now += rng.randrange(200, 400)
    return bytes(score.dumps_midi())


def test_performances_of_one_work_stay_together(tmp_path: Path, tune: Tune) -> None:
    for work in range(12):
        folder = tmp_path / f"work{work}"
        folder.mkdir()
        for player in range(4):
            (folder / f"player{player}.mid").write_bytes(performance(tune(work, 400), seed=10 * work + player))
    pieces = Folder(tmp_path).pieces("music")
    assert len(pieces) == 48
    groups = defaultdict(set)
    for entry in pieces.entries:
        groups[entry.file.split("/")[0]].add((entry.group, entry.split))
    assert all(len(found) == 1 for found in groups.values())
    assert len({entry.group for entry in pieces.entries}) == 12
    assert {entry.group for entry in pieces.entries} == {f"work{work}" for work in range(12)}


def test_songs_in_one_folder_are_works_of_their_own(tmp_path: Path, tune: Tune, song: Song) -> None:
    for number in range(40):
        (tmp_path / f"{number}.mid").write_bytes(song(tune(number, 500)))
    assert len({entry.group for entry in Folder(tmp_path).pieces("music").entries}) == 40


def test_versions_by_name_are_one_work(tmp_path: Path, tune: Tune, song: Song) -> None:
    names = ["Song.mid", "Song (1).mid", "song_v2.mid", "Song - copy.mid", "Song 2.mid", "Tune.mid"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(song(tune(number)))
    groups = {entry.file: entry.group for entry in Folder(tmp_path).pieces("music").entries}
    assert len({groups[name] for name in names[:4]}) == 1
    assert len(set(groups.values())) == 3


def test_a_score_holds_its_performances_together(tmp_path: Path, tune: Tune, song: Song) -> None:
    for work in range(3):
        (tmp_path / str(work)).mkdir()
        (tmp_path / str(work) / "midi_score.mid").write_bytes(song(tune(work)))
        (tmp_path / str(work) / "Player.mid").write_bytes(song(tune(work + 50)))
    assert len({entry.group for entry in Folder(tmp_path).pieces("music").entries}) == 3


def test_one_text_is_split_in_its_own_order(tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(1000))
    (tmp_path / "book.txt").write_text(text)
    pieces = Folder(tmp_path / "book.txt").pieces("text")
    assert [entry.split for entry in pieces.entries] == ["train", "valid", "test"]
    assert "".join(pieces) == text
    assert all(part.endswith("\n") for part in pieces)
    assert len(pieces[0]) / len(text) == pytest.approx(0.8, abs=0.01)
    assert len(pieces[1]) / len(text) == pytest.approx(0.1, abs=0.01)
    assert "80 %" in pieces.manifest["splits"]
    assert [entry.chars for entry in pieces.entries] == [len(part) for part in pieces]


def test_one_piece_of_music_is_split_at_bar_lines(tmp_path: Path, song: Song, tune: Tune) -> None:
    (tmp_path / "only.mid").write_bytes(song(tune(0, 80)))  # 20 bars
    pieces = Folder(tmp_path).pieces("music")
    assert [entry.split for entry in pieces.entries] == ["train", "valid", "test"]
    assert [len(bars(part)) for part in pieces] == [16, 2, 2]
    assert [note.pitch for part in pieces for note in part.tracks[0].notes] == tune(0, 80)
    assert [entry.notes for entry in pieces.entries] == [64, 8, 8]


@pytest.mark.parametrize(("name", "data"), [("a.txt", b"x"), ("b.mid", None)])
def test_what_is_too_small_is_refused(tmp_path: Path, song: Song, name: str, data: bytes | None) -> None:
    (tmp_path / name).write_bytes(data or song([60, 62]))
    with pytest.raises(CorpusError, match="too small"):
        Folder(tmp_path).pieces("text" if name.endswith("txt") else "music")


def test_a_part_that_is_too_short_to_cut_is_named(tmp_path: Path, song: Song, tune: Tune) -> None:
    (tmp_path / "song.mid").write_bytes(song(tune(0, 80)))
    (tmp_path / "song (1).mid").write_bytes(song([60, 62]))
    files = Folder(tmp_path).pieces("music").manifest["files"]
    assert {file["name"]: file.get("reason") for file in files} == {"song.mid": None, "song (1).mid": "too-short"}


def test_cut_of_a_text_without_breaks() -> None:
    parts = cut("x" * 100)
    assert parts is not None
    assert [len(part) for part in parts.values() if isinstance(part, str)] == [80, 10, 10]


def test_cut_keeps_the_rest_that_a_part_ends_with() -> None:
    score = Score(480)
    score.tracks.append(Track("a", 0, False))
    score.tracks[0].notes.extend([Note(bar * 1920, 480, 60, 80) for bar in range(10) if bar != 7])  # bar 7 is a rest
    parts = cut(score)
    assert parts is not None
    music = {split: part for split, part in parts.items() if not isinstance(part, str)}
    assert {split: len(bars(part)) for split, part in music.items()} == {"train": 8, "valid": 1, "test": 1}
    assert end_tick(music["train"]) == 8 * 1920
    assert end_tick(music["test"]) == 480  # the piece itself ends there
