"""Which pieces a run, or several, may be measured by, and how much of each: against corpora made by hand."""

import numpy as np
import pytest
from symusic import Note, Score, Tempo, TextMeta, TimeSignature, Track

from erato.corpora.base import Entry, Pieces
from erato.errors import UsageError
from erato.held_out import (
    LEAST,
    MOST,
    REAL,
    Amount,
    HeldOut,
    amount_of,
    beginning,
    common_pieces,
    cut,
    evenly,
    held_out,
    some,
    unlearnt,
)  # fmt: skip
from erato.score import END, bars, end_tick, has_pickup, note_count, seconds


class Kept(list):
    def read(self, index):
        return self[index]


def corpus(splits, hash="h", kind="text", name="songs", notes=0):
    """Pieces "text 0", "text 1", ... of files 0.txt, 1.txt, ... in the splits of a word: t(rain), v(alid), e(test)."""
    names = {"t": "train", "v": "valid", "e": "test"}
    entries = [Entry(f"{n}.txt", f"{n}.txt", str(n), names[one], notes, 0.0, 6) for n, one in enumerate(splits)]
    files = [
        {"name": one.file, "sha256": f"sum {one.file}", "pieces": [{"name": one.name, "split": one.split}]}
        for one in entries
    ]
    return Pieces(
        name, kind, hash, {"hash": hash, "files": files}, entries, Kept(f"text {n}" for n in range(len(splits)))
    )


def score(quarters, meter=(4, 4), pickup=0, tempo=120):
    """A note a quarter, in one track."""
    made = Score(480)
    made.tempos.append(Tempo(0, tempo))
    if pickup:
        made.time_signatures.append(TimeSignature(0, pickup, 4))
    made.time_signatures.append(TimeSignature(480 * pickup, *meter))
    made.tracks.append(Track())
    made.tracks[0].notes.extend([Note(480 * n, 480, 60 + n % 12, 80) for n in range(quarters)])
    return made


def test_the_test_part_is_taken_else_the_valid_part_and_that_is_said():
    notes = []
    whole, small = corpus("tttve"), corpus("tttvv")
    found = held_out(whole, whole.manifest, None, notes.append)
    assert (found.split, found.indices, found.own, found.learnt, notes) == ("test", [4], True, False, [])
    found = held_out(small, small.manifest, None, notes.append)
    assert (found.split, found.indices) == ("valid", [3, 4])
    assert notes == [
        "songs is too small for a test part: these are the pieces of valid, by which the weights were chosen."
    ]
    found = held_out(whole, whole.manifest, "train", notes.append)
    assert found.indices == [0, 1, 2] and found.learnt and "learned from" in notes[-1]
    with pytest.raises(UsageError, match="split must be one of train, valid, test, got 'tset'"):
        held_out(whole, whole.manifest, "tset", notes.append)


def test_pieces_that_a_run_learned_from_are_none_of_another_corpus():
    notes = []
    before, now = corpus("tttve"), corpus("ttteeeeee", hash="other")
    now.entries[5] = Entry("moved/1.txt", "moved/1.txt", "g", "test", 0, 0.0, 6)  # 1.txt, which it knows
    now.manifest["files"][5] = {"name": "moved/1.txt", "sha256": "sum 1.txt"}
    found = held_out(now, before.manifest, None, notes.append)
    assert (found.indices, found.own) == ([3, 4, 6, 7, 8], False)
    assert notes == ["1 piece is left out, as the run learned from it."]
    with pytest.raises(UsageError, match="learned from every piece of songs in train: give other pieces"):
        held_out(corpus("ttt", hash="other"), before.manifest, "train", notes.append)
    assert held_out(corpus("tt", hash="other"), {}, "train", notes.append).indices == [0, 1], "it learned from nothing"


def test_who_learned_from_a_part_of_a_piece_knows_all_parts():
    known = {"files": [{"name": "a.mid", "sha256": "s", "pieces": [{"name": "a.mid (train)", "split": "train"}]}]}
    entries = [Entry(f"a.mid ({one})", "a.mid", "a", "test", 5, 1.0) for one in ("train", "valid", "test")]
    pieces = Pieces("p", "music", "x", {"files": [{"name": "a.mid", "sha256": "s"}]}, entries, Kept("abc"))
    assert unlearnt(pieces, [0, 1, 2], known) == []
    pieces.manifest["files"][0]["sha256"] = "another"
    assert unlearnt(pieces, [0, 1, 2], known) == [0, 1, 2]


def of(pieces, indices):
    return HeldOut(pieces, "test", list(indices), True)


def test_common_pieces_are_those_that_all_hold_out_in_one_order():
    one, other = corpus("eeeee"), corpus("eeee", hash="o", name="copy")
    other.entries[0], other.entries[2] = other.entries[2], other.entries[0]  # 2, 1, 0, 3
    found, why = common_pieces([of(one, [0, 1, 2, 4]), None, of(other, [0, 2, 3])])
    assert found.indices == [[0, 2], [], [2, 0]] and (found.first, found.name, found.split) == (0, "songs", "test")
    assert why == "3 pieces are left out, as not all runs hold them out."  # 1, 3 and 4
    assert common_pieces([None, of(one, [0, 1])])[0].first == 1
    assert common_pieces([of(one, [3]), of(one, [3])])[1] == ""
    assert common_pieces([of(one, [3, 4]), of(one, [3])])[1].startswith("1 piece is left out")


def test_runs_without_a_common_piece_are_told_so():
    found, why = common_pieces([of(corpus("ee"), [0]), of(corpus("ee", name="rest"), [1])])
    assert found is None and "no held-out piece in common (songs, rest)" in why and "--corpus" in why


def test_pieces_of_other_tracks_of_the_same_files_are_no_common_pieces():
    """Of a run that learned from melodies alone, the piece of a file is another one."""
    whole, melody = corpus("e", notes=90), corpus("e", notes=30)
    assert common_pieces([of(whole, [0]), of(melody, [0])])[0] is None


def test_files_without_a_checksum_are_known_by_their_names():
    one = corpus("ee")
    for file in one.manifest["files"]:
        file["sha256"] = None
    assert common_pieces([of(one, [0, 1]), of(one, [1])])[0].indices == [[1], [1]]


def test_pieces_are_taken_evenly():
    assert evenly(range(REAL)) == list(range(REAL)) and evenly([]) == []
    many = evenly(range(10 * REAL))
    assert len(many) == REAL and (many[0], many[-1]) == (0, 10 * REAL - 1)
    assert {int(step) for step in np.diff(many)} == {10, 11}
    assert some(corpus("eeee"), [1, 3]) == ["text 1", "text 3"]


@pytest.mark.parametrize(("lengths", "expected"), [([8, 4, 32], 8), ([5], 5), ([4, 7], 5), ([60] * 3, 32), ([0], 2)])
def test_bars_of_the_middle_piece_within_bounds(lengths, expected):
    assert amount_of([score(4 * length) for length in lengths], "bars") == Amount("bars", expected)


def test_how_long_pieces_are_does_not_count_a_pickup():
    assert amount_of([score(1 + 12, pickup=1)], "bars") == Amount("bars", 3)
    assert amount_of([score(22)], "seconds") == Amount("seconds", 11)
    assert amount_of([score(9 * 60, tempo=60)], "seconds") == Amount("seconds", MOST["seconds"])
    assert amount_of(["x" * 400, "x" * 300, "x" * 9999], "chars") == Amount("chars", 400)
    assert amount_of([""], "chars") == Amount("chars", LEAST["chars"])
    assert [amount_of([], unit).number for unit in MOST] == list(MOST.values())
    assert (str(Amount("bars", 8)), str(Amount("chars", 1500))) == ("8 bars", "1,500 characters")


def test_music_is_cut_at_its_beginning_and_never_filled_up():
    long = beginning(score(40), Amount("bars", 4))
    assert (note_count(long), end_tick(long)) == (16, 4 * 1920)
    pickup = beginning(score(1 + 40, pickup=1), Amount("bars", 4))
    assert note_count(pickup) == 17 and has_pickup(pickup) and len(bars(pickup)) == 5
    short = beginning(
        score(10), Amount("bars", 8)
    )  # two bars and a half: to the end of the third, as composed ones are
    assert (note_count(short), end_tick(short)) == (10, 3 * 1920)
    assert seconds(beginning(score(40), Amount("seconds", 5))) == pytest.approx(5)
    assert seconds(beginning(score(4), Amount("seconds", 5))) == pytest.approx(2)
    for unit in ("bars", "seconds"):
        assert note_count(beginning(score(0), Amount(unit, 5))) == 0
    silent = score(0)
    silent.markers.append(TextMeta(480 * 4 * 20, END))
    assert end_tick(beginning(silent, Amount("bars", 5))) == 5 * 1920


def test_texts_are_cut_in_pieces_of_which_the_rest_is_one_where_it_is_half_as_long():
    amount = Amount("chars", 100)
    assert [len(one) for one in cut(["a" * 249, "b" * 250, "c" * 49, "d" * 50], amount)] == [100, 100, 100, 100, 50, 50]
    assert cut(["a" * 10, "b" * 20], amount) == ["a" * 10, "b" * 20], "all are shorter"
    assert cut(["a" * 100 * 1000], amount) == ["a" * 100] * REAL
    assert cut([], amount) == []
