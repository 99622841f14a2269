"""The index: the order of suffixes against sorting them, saving and opening, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from symusic import Note, Score, TimeSignature, Track

from erato.errors import RunError
from erato.evaluation.index_files import HEAD, forget_pages
from erato.evaluation.originality import shared
from erato.evaluation.passage_index import PassageIndex, bar_number
from erato.evaluation.suffixes import PAD, Excluded, Rows, Suffixes, joined
from erato.passages import lines


def pieces(count: int = 4) -> list[tuple[str, str, Score]]:
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        score = Score(24)
        score.time_signatures.append(TimeSignature(0, 3, 4))
        for name in ("high", "low"):
            track = Track(name, 0, False)
            for at in range(40):
                track.notes.append(Note(12 * at, 12, int(rng.integers(50, 70)) + 12 * (name == "high"), 80))
            score.tracks.append(track)
        found.append((f"piece {number}", f"group {number // 2}", score))
    return found


def runs(rng: np.random.Generator, *, kinds: int) -> list[np.ndarray]:
    return [rng.integers(0, kinds, rng.integers(0, 40)).astype(np.int16) for _ in range(12)]


@pytest.mark.parametrize("kinds", [1, 2, 5, 2000])
def test_suffixes_are_in_order_and_found(kinds: int) -> None:
    rng = np.random.default_rng(kinds)
    parts = runs(rng, kinds=kinds)
    parts += [parts[3], np.concatenate([parts[5], parts[6]])]
    row = joined(parts, np.int16)
    suffixes = Suffixes.of(row, kinds - 1)
    texts = {}
    for at in np.flatnonzero(row >= 0).tolist():
        end = at + int((row[at:] < 0).argmax())
        texts[at] = row[at:end].tolist()
    assert sorted(suffixes.order.tolist()) == sorted(texts)
    ordered = [texts[at] for at in suffixes.order.tolist()]
    assert ordered == sorted(ordered)
    query = rng.integers(0, kinds, 60)
    asked = joined([query.astype(np.int16)], np.int16)
    rows = Rows.plain(asked, np.arange(PAD, PAD + 60), 60 - np.arange(60))
    for excluded in (range(0), range(PAD + 30, PAD + 200)):
        stretch = Excluded(np.array(excluded[:1]), np.array([end + 1 for end in excluded[-1:]]))
        expected = [
            max((agree(query[at:].tolist(), text) for slot, text in texts.items() if slot not in excluded), default=0)
            for at in range(60)
        ]
        assert suffixes.longest(rows, stretch).tolist() == expected
    for length in (1, 3):
        low, high = suffixes.find(rows[:50], np.full(50, length))
        for at in range(50):
            wanted = query[at : at + length].tolist()
            slots = sorted(suffixes.order[low[at] : high[at]].tolist())
            assert slots == [slot for slot, text in texts.items() if text[:length] == wanted]


def agree(one: list[int], other: list[int]) -> int:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def test_runs_that_are_longer_than_what_is_compared_at_once() -> None:
    rng = np.random.default_rng(7)
    long = rng.integers(0, 3, 9000).astype(np.int16)
    row = joined([long, long[2000:], np.zeros(5000, np.int16)], np.int16)
    suffixes = Suffixes.of(row, 2)
    asked = joined([long[1000:8000], np.zeros(4700, np.int16)], np.int16)
    rows = Rows.plain(asked, np.array([PAD, PAD + 500, PAD + 7001]), np.array([7000, 6500, 4700]))
    assert suffixes.longest(rows, Excluded(np.zeros(0, np.int64), np.zeros(0, np.int64))).tolist() == [7000, 6500, 4700]


def test_what_is_opened_answers_as_what_was_saved(tmp_path: Path) -> None:
    built = PassageIndex.build(pieces())
    built.save(tmp_path / "index")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index"]
    opened = PassageIndex.open(tmp_path / "index")
    assert (opened.names, opened.groups, opened.line_names) == (built.names, built.groups, built.line_names)
    for name, _, score in pieces():
        assert shared(opened, score) == shared(built, score)
        number = opened.names.index(name)
        for line, said in zip(opened.lines_of(number), lines(score), strict=True):
            assert (line.name, line.melody) == (said.name, said.melody)
            assert line.onset.tolist() == said.onset.tolist() and line.pitch.tolist() == said.pitch.tolist()
            assert line.tokens.tolist() == said.tokens.tolist()
    assert opened.bars_of(1)[0].tolist() == [72 * bar for bar in range(7)]
    groups = shared(opened, pieces()[0][2], ["group 0"])
    assert groups.melody is not None and {one.piece for one in groups.melody.places} <= {"piece 2", "piece 3"}
    # Again over itself, and as an index of nothing.
    PassageIndex.build(pieces(1)).save(tmp_path / "index")
    assert len(PassageIndex.open(tmp_path / "index")) == 1
    PassageIndex.build([("drums", "drums", Score(24))]).save(tmp_path / "index")
    empty = PassageIndex.open(tmp_path / "index")
    assert len(empty) == 1 and shared(empty, pieces()[0][2]).melody is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index"]


def test_a_saved_index_is_the_same_to_the_byte(tmp_path: Path) -> None:
    for name in ("one", "two"):
        PassageIndex.build(pieces()).save(tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


PARTS = ["tokens", "order", "directory", "onsets", "lines", "pieces", "bars"]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("how", ["missing", "cut", "changed", "pickled", "link"])
def test_damaged_files_are_refused_in_a_sentence(tmp_path: Path, name: str, how: str) -> None:
    folder = tmp_path / "index"
    PassageIndex.build(pieces()).save(folder)
    path = folder / f"{name}.npy"
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[:-2])
    elif how == "changed":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif how == "pickled":
        np.save(path, np.array([{}], object), allow_pickle=True)
    else:
        shutil.move(path, tmp_path / "elsewhere.npy")
        path.symlink_to(tmp_path / "elsewhere.npy")
    with pytest.raises(RunError, match=r"is damaged: delete that folder") as said:
        PassageIndex.open(folder)
    assert "\n" not in str(said.value)


def resealed(folder: Path, name: str, array: np.ndarray) -> None:
    """A part replaced by one whose sum is right."""
    import hashlib

    np.save(folder / f"{name}.npy", array)
    head = json.loads((folder / HEAD).read_text())
    head["sha256"][name] = hashlib.sha256((folder / f"{name}.npy").read_bytes()).hexdigest()
    (folder / HEAD).write_text(json.dumps(head))


@pytest.mark.parametrize("name", PARTS)
def test_numbers_that_point_outside_are_refused_even_where_the_sums_are_right(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "index"
    PassageIndex.build(pieces()).save(folder)
    array = np.load(folder / f"{name}.npy")
    resealed(folder, name, array)
    PassageIndex.open(folder)
    array.flat[-1] = np.iinfo(array.dtype).min
    resealed(folder, name, array)
    with pytest.raises(RunError, match="is damaged"):
        PassageIndex.open(folder)
    if name in ("tokens", "order", "directory"):
        array.flat[-1] = np.iinfo(array.dtype).max
        resealed(folder, name, array)
        with pytest.raises(RunError, match="is damaged"):
            PassageIndex.open(folder)
    resealed(folder, name, array[:-1])
    with pytest.raises(RunError, match="is damaged"):
        PassageIndex.open(folder)


def test_foreign_folders_are_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no index in"):
        PassageIndex.open(tmp_path / "nothing")
    for text in ("", "[]", "{}", '{"kind": "passages"}', '{"kind": "texts", "sha256": {}}', "[" * 5000, "\x00"):
        (tmp_path / HEAD).write_text(text)
        with pytest.raises(RunError, match="is no index of passages"):
            PassageIndex.open(tmp_path)
    (tmp_path / HEAD).write_text('{"kind": "passages", "sha256": {}, "version": 0}')
    with pytest.raises(RunError, match="has version 0, this is 1"):
        PassageIndex.open(tmp_path)
    (tmp_path / HEAD).write_text('{"kind": "passages", "sha256": {}, "version": 1}')
    with pytest.raises(RunError, match="is damaged"):
        PassageIndex.open(tmp_path)
    other = tmp_path / "music"
    other.mkdir()
    (other / "mine.mid").write_bytes(b"MThd")
    with pytest.raises(RunError, match="is in the way: it is no index of passages"):
        PassageIndex.build(pieces()).save(other)
    assert [path.name for path in other.iterdir()] == ["mine.mid"]


def test_bars_by_hand() -> None:
    starts = np.array([0, 10, 20])
    assert [bar_number(starts, False, tick) for tick in (0, 9, 10, 25)] == [1, 1, 2, 3]
    assert [bar_number(starts, True, tick) for tick in (0, 9, 10, 25)] == [0, 0, 1, 2]


def test_a_large_index_is_let_go_of_and_answers_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PassageIndex.build(pieces(6)).save(tmp_path / "index")
    index = PassageIndex.open(tmp_path / "index")
    expected = [shared(index, score, [group]) for _, group, score in pieces(6)]
    let_go: list[int] = []
    index.looked_up[0] = 0
    monkeypatch.setattr("erato.evaluation.passage_index.FEW", 0)
    monkeypatch.setattr("erato.evaluation.passage_index.ROWS", 16)
    monkeypatch.setattr(
        "erato.evaluation.passage_index.forget_pages",
        lambda *arrays: (let_go.append(len(arrays[0])), forget_pages(*arrays))[1],
    )
    assert [list(part) for part in index.parts(40)] == [list(range(14)), list(range(14, 27)), list(range(27, 40))]
    assert let_go == [len(index.suffixes.order)] * 2
    assert [shared(index, score, [group]) for _, group, score in pieces(6)] == expected
    assert len(let_go) > 12
