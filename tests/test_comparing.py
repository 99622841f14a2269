"""What is counted of a piece, and a comparison on a model whose probabilities can be worked out by hand."""

import json
import math
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from erato.comparing import WAYS, beam_levels, compare, distinct, greedy_levels, hashable, repeats, write
from erato.errors import UsageError
from erato.models.base import Categorical, SequenceModel
from erato.recipes import TINY
from erato.representations import CharsConfig
from erato.sampling import Beams, Sampler
from erato.sequence_run import SequenceRun


class Chain(SequenceModel):
    """The next symbol depends on the last one only: table [V, V] of probabilities, of which zero is next to nothing."""

    def __init__(self, table):
        super().__init__()
        self.logits = torch.log(torch.tensor(table).clamp(min=1e-30))

    def start(self, batch):
        return torch.zeros(batch, 0)

    def extend(self, x, state, mask=None):
        return Categorical(self.logits[x]), state


# After the beginning (or "x") a is likelier than b; but a leads to three letters alike, and b surely to f, then to g.
FOLLOW = {
    "": {"a": 0.6, "b": 0.4},
    "x": {"a": 0.6, "b": 0.4},
    "a": {"c": 0.5, "d": 0.3, "e": 0.2},
    "b": {"f": 1.0},
    "f": {"g": 1.0},
    "c": {"h": 0.6, "i": 0.4},
    "d": {"h": 1.0},
    "h": {"i": 1.0},
}


def trap(tmp_path, follow=FOLLOW, learned_here=True):
    """A run of texts in which what is likeliest at first does not lead to the likeliest text."""
    letters = "abcdefghix"
    representation = CharsConfig(end=False).fit([letters])
    index = {"": 0} | {letter: 1 + place for place, letter in enumerate(letters)}
    table = np.full((11, 11), 0.0)
    for before, after in follow.items():
        for letter, share in after.items():
            table[index[before], index[letter]] = share
    if learned_here:
        (tmp_path / "manifest.json").write_text(json.dumps({"corpus": "letters", "licence": "CC0"}))
    return SequenceRun(tmp_path, TINY["lyrics-lstm"], representation, Chain(table).eval(), learned_here)


def named(comparison):
    return {made.name: made for made in comparison.made}


def test_distinct_n_is_the_share_of_different_ngrams():
    assert distinct("abab", 1) == 2 / 4
    assert distinct("abab", 2) == 2 / 3  # ab ba ab
    assert distinct("abcd", 3) == 1
    assert distinct("ab", 3) is None
    assert distinct("", 1) is None


@pytest.mark.parametrize(
    ("piece", "longest", "loop", "period", "begin"),
    [
        ("", 0, 0, 0, 0),
        ("a", 0, 0, 0, 0),
        ("abc", 0, 0, 0, 0),
        ("aaaa", 3, 4, 1, 0),
        ("the the the", 7, 8, 4, 0),
        ("the the the ", 8, 12, 4, 0),
        (["the"] * 3, 2, 3, 1, 0),
        ("xyabcab", 2, 0, 0, 0),
        ("xyabab", 2, 4, 2, 2),
        ("abcdabcd", 4, 8, 4, 0),
        ("qaazbbb", 2, 3, 1, 4),
    ],
)
def test_repeats_of_pieces_that_can_be_counted_by_hand(piece, longest, loop, period, begin):
    found = repeats(piece)
    assert (found.longest, found.loop, found.period, found.begin) == (longest, loop, period, begin)


def test_repeats_agree_with_looking_at_every_stretch():
    rng = np.random.default_rng(0)
    for _ in range(150):
        piece = "".join(rng.choice(list("ab" if rng.random() < 0.5 else "abc"), rng.integers(0, 14)))
        size = len(piece)
        counts = Counter(piece[i:j] for i in range(size) for j in range(i + 1, size + 1))
        longest = max((len(stretch) for stretch, count in counts.items() if count > 1), default=0)
        loops = [
            len(stretch)
            for stretch in counts
            for period in range(1, len(stretch) // 2 + 1)
            if len(stretch) % period == 0 and stretch == stretch[:period] * (len(stretch) // period)
        ]
        found = repeats(piece)
        assert (found.longest, found.loop) == (longest, max(loops, default=0)), piece
        if found.loop:
            looped = piece[found.begin : found.begin + found.loop]
            assert looped == looped[: found.period] * (found.loop // found.period)


def test_frames_and_notes_are_symbols_too():
    frames = np.array([[0, 1], [1, 0], [0, 1]], np.int8)
    assert distinct(hashable(frames), 1) == 2 / 3
    notes = np.array([[60, 0.5, 0.25]] * 3, np.float32)
    assert repeats(hashable(notes)).loop == 3


def test_every_way_continues_the_same_prompt(tmp_path):
    comparison = compare(trap(tmp_path), "x", seed=3, length=2)
    assert [made.name for made in comparison.made] == [way.name for way in WAYS]
    assert len(WAYS) == 9
    assert all((made.prompt, made.symbols, len(made.text)) == ("x", 2, 2) for made in comparison.made)
    assert all(made.piece == made.prompt + made.text for made in comparison.made)


def test_greedy_falls_into_the_trap_and_beam_search_does_not(tmp_path):
    made = named(compare(trap(tmp_path), "x", length=2))
    greedy, beam = made["greedy"], made["beam search, 4 beams"]
    assert (greedy.text, beam.text) == ("ac", "bf")
    assert greedy.log_prob == pytest.approx(math.log(0.6 * 0.5))
    assert beam.log_prob == pytest.approx(math.log(0.4))
    assert beam.log_prob_per_symbol == pytest.approx(math.log(0.4) / 2)
    assert greedy.distinct == (1.0, 1.0, None)


def test_the_ways_are_those_of_run_sample(tmp_path):
    run = trap(tmp_path)
    for made, way in zip(compare(run, "x", seed=5, length=4).made, WAYS, strict=True):
        (alone,) = run.sample("x", seed=5, length=4, sampler=way.sampler, beams=way.beams)
        assert (made.piece, made.log_prob) == (alone.piece, pytest.approx(alone.log_prob))


def test_what_is_asked_for_is_one_row_more(tmp_path):
    run = trap(tmp_path)
    first = compare(run, "x", seed=5, length=4, top_k=1, repetition_penalty=1.5).made[0]
    assert (first.name, len(first.text)) == ("as asked", 4)
    assert "top-k 1" in first.meaning and "repetition-penalty 1.5" in first.meaning
    assert first.piece == run.compose("x", seed=5, length=4, top_k=1, repetition_penalty=1.5)[0]
    assert compare(run, "x", length=2, beams=Beams(2)).made[0].text == "bf"
    with pytest.raises(UsageError, match="top_p"):
        compare(run, "x", length=2, top_p=0)
    with pytest.raises(UsageError, match="draws nothing"):
        compare(run, "x", length=2, beams=Beams(2), temperature=0.5)


@pytest.mark.parametrize(
    ("beams", "changes", "said"),
    [
        (Beams(2), {}, "beams 2, length-penalty 1.0, early-stopping off"),
        (Beams(3, 0.6, True), {"no_repeat": 2}, "beams 3, length-penalty 0.6, early-stopping on, no-repeat 2"),
        (None, {"top_k": 3, "greedy": False}, "top-k 3, greedy off"),
    ],
)
def test_all_that_was_asked_for_is_said(tmp_path, beams, changes, said):
    assert compare(trap(tmp_path), "x", length=1, beams=beams, **changes).made[0].meaning == f"As asked for: {said}."


def test_without_a_length_it_is_that_of_the_recipe(tmp_path):
    run = trap(tmp_path)
    assert {made.symbols for made in compare(run, "x").made} == {TINY["lyrics-lstm"].length}
    run.recipe = replace(run.recipe, length=None)
    assert {made.symbols for made in compare(run, "x").made} == {256}


def test_the_tree_of_greedy_has_the_models_probabilities(tmp_path):
    run = trap(tmp_path)
    symbols = run.representation.encode("xac").array
    first, second = greedy_levels(run, symbols[:1], symbols[1:], width=3)
    assert [(node.name, node.chosen) for node in first[:2]] == [("a", True), ("b", False)]
    assert [node.probability for node in first[:2]] == pytest.approx([0.6, 0.4])
    assert [(n.name, round(n.probability, 6), n.chosen) for n in second] == [
        ("c", 0.5, True),
        ("d", 0.3, False),
        ("e", 0.2, False),
    ]
    assert {node.parent for node in second} == {0}


def test_the_tree_of_beam_search_has_its_sums_and_the_way_to_the_best(tmp_path):
    run = trap(tmp_path)
    first, second, third = beam_levels(run, run.representation.encode("x").array, Beams(2), 3)
    assert [(n.name, n.kept, n.chosen) for n in first[:2]] == [("a", True, False), ("b", True, True)]
    assert [(n.name, n.parent, n.kept, n.chosen) for n in second[:3]] == [
        ("f", 1, True, True),  # 0.4
        ("c", 0, True, False),  # 0.3
        ("d", 0, False, False),  # 0.18
    ]
    assert [n.total for n in second[:3]] == pytest.approx([math.log(p) for p in (0.4, 0.3, 0.18)])
    assert (third[0].name, third[0].parent, third[0].kept, third[0].chosen) == ("g", 0, True, True)
    assert (third[1].name, third[1].parent) == ("h", 1)
    assert sum(node.chosen for level in (first, second, third) for node in level) == 3


def test_the_loop_is_drawn_where_greedy_begins_it_again(tmp_path):
    loops = {"x": {"a": 1.0}, "a": {"b": 0.9, "x": 0.1}, "b": {"c": 1.0}, "c": {"b": 0.7, "d": 0.3}}
    run = trap(tmp_path, loops)
    comparison = compare(run, "x", length=12)
    assert named(comparison)["greedy"].text == "a" + "bc" * 5 + "b"
    assert named(comparison)["greedy"].longest_loop == 10
    assert [tree.key for tree in comparison.trees] == ["greedy", "beam", "loop"]
    loop = comparison.trees[-1]
    assert loop.root == "xabc"
    assert [next(n.name for n in level if n.chosen) for level in loop.levels] == list("bcbcb")
    assert [(n.name, round(n.probability, 6)) for n in loop.levels[0][:2]] == [("b", 0.7), ("d", 0.3)]
    assert [tree.key for tree in compare(run, "x", length=3).trees] == ["greedy", "beam"]  # no loop yet


def test_a_window_is_no_part_of_the_piece(tmp_path):
    run = trap(tmp_path)
    (tmp_path / "prompts.json").write_text(json.dumps([[10, 1]]))  # "xa"
    made = named(compare(run, begin="window", length=2))["greedy"]
    assert (made.prompt, made.text, made.piece) == ("xa", "ch", "ch")
    nothing = compare(run, begin="nothing", length=2)
    assert named(nothing)["greedy"].prompt == ""
    assert nothing.trees[0].root == "beginning"


def test_a_sample_has_its_symbols_and_those_it_went_on_from(tmp_path):
    run = trap(tmp_path)
    (tmp_path / "prompts.json").write_text(json.dumps([[10, 1]]))  # "xa"
    (continued,) = run.sample("x", length=2, sampler=Sampler(greedy=True))
    (after_window,) = run.sample(begin="window", length=2, sampler=Sampler(greedy=True))
    assert (continued.piece, continued.prompt.tolist(), continued.array.tolist()) == ("xac", [10], [1, 3])
    assert (after_window.piece, after_window.prompt.tolist(), after_window.array.tolist()) == ("ch", [10, 1], [3, 8])
    both = run.sample(begin="nothing", length=2, n=2)
    assert [one.prompt.tolist() for one in both] == [[], []]
    assert [run.representation.decode(one.array) for one in both] == [one.piece for one in both]
    assert continued == run.sample("x", length=2, sampler=Sampler(greedy=True))[0]  # by value, without the arrays
    assert "array" not in repr(continued)


def test_a_checkpoint_that_has_no_run_folder_is_compared(tmp_path):
    run = trap(tmp_path, learned_here=False)
    assert named(compare(run, begin="nothing", length=2))["greedy"].text == "ac"
    with pytest.raises(UsageError, match="keeps no window"):  # it looks for none
        compare(run, begin="window", length=2)
    write(run, compare(run, "x", length=2), tmp_path / "pieces")
    assert "learned from" not in (tmp_path / "pieces" / "001-compare.html").read_text("utf-8")


def test_what_is_written(tmp_path):
    run, out = trap(tmp_path), tmp_path / "pieces"
    comparison = compare(run, "x", length=3)
    found = write(run, comparison, out)
    assert sorted(path.name for path in out.iterdir()) == [
        "001-compare-beam.svg",
        "001-compare-greedy.svg",
        "001-compare.html",
    ]
    assert found["page"] == str(out / "001-compare.html")
    rows = found["comparison"]
    assert [row["name"] for row in rows] == [way.name for way in WAYS]
    assert rows[1]["text"] == "xbfg" and rows[1]["log_prob"] == pytest.approx(math.log(0.4))
    assert {"distinct_1", "distinct_2", "distinct_3", "longest_repeat", "log_prob_per_symbol"} <= rows[0].keys()
    page = (out / "001-compare.html").read_text("utf-8")
    assert all(way.meaning in page for way in WAYS)
    assert len(re.findall("<svg", page)) == 2
    assert "letters" in page and "CC0" in page
    assert write(run, comparison, out)["page"].endswith("002-compare.html")


def test_no_way_to_search_frames_is_a_sentence(tmp_path, make_score):
    from erato.models import FrameLstmConfig
    from erato.representations import PianorollConfig

    recipe = TINY["pianoroll-lstm"]
    assert isinstance(recipe.representation, PianorollConfig) and isinstance(recipe.model, FrameLstmConfig)
    representation = recipe.representation.fit([make_score()])
    torch.manual_seed(0)
    run = SequenceRun(tmp_path, recipe, representation, recipe.model.build(representation.space).eval())
    comparison = compare(run, length=6)
    made = named(comparison)
    assert made["beam search, 4 beams"].refused.endswith("this one has frames of 88 keys.")
    assert made["beam search, 4 beams"].piece is None
    assert all(one.symbols == 6 and one.log_prob < 0 for one in comparison.made if not one.refused)
    assert comparison.trees == ()
    with pytest.raises(UsageError, match="beam search is for"):
        compare(run, length=6, beams=Beams(2))
