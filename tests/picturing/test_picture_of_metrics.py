"""What is drawn and said of metrics: which evaluation is chosen, which curves there are, whatever the lines hold."""

import math

import numpy as np
import pytest

from erato.picturing.metrics import chart, chosen, duration, in_words, parts, so_far, spread, table, value
from erato.training import Likelihood, WganGp

LINES = [
    {"step": 10, "seconds": 6.0, "epoch": 0.5, "lr": 0.1, "train_loss": 3.0, "valid_loss": 2.5, "valid_accuracy": 0.2},
    {"step": 20, "seconds": 12.0, "epoch": 1.0, "lr": 0.1, "train_loss": 2.0, "valid_loss": 1.5, "valid_accuracy": 0.4},
    {"step": 30, "seconds": 18.0, "epoch": 1.5, "lr": 0.0, "train_loss": 1.0, "valid_loss": 1.5, "valid_accuracy": 0.5},
]
NOTES = [{"step": 5, "train_loss": 3.0, "valid_loss": 3.0, "train_pitch": 2.0, "valid_pitch": 2.1, "valid_pieces": 3}]
ADVERSARIAL = [
    {"step": 5, "train_loss": 0.1, "valid_loss": 9.0, "train_critic_loss": -2.0, "train_generator_loss": -1.0,
     "train_wasserstein": 4.0, "lr": 0.1},
]  # fmt: skip


def test_the_chosen_one_is_the_best_and_the_first_of_equals():
    assert chosen(LINES) is LINES[1]
    assert chosen([*LINES, {"step": 40, "valid_loss": math.nan}, {"step": 50, "valid_loss": None}]) is LINES[1]
    assert chosen([]) is None
    assert chosen([{"step": 1, "valid_loss": math.inf}]) is None


def test_loss_and_accuracy_are_drawn_with_the_chosen_one_marked():
    loss, accuracy, rate = chart(LINES, [], Likelihood()).panels
    assert loss.title == "loss, nats a symbol"
    assert [curve.name for curve in loss.curves] == ["held out", "training"]
    assert loss.curves[0].values.tolist() == [2.5, 1.5, 1.5]
    assert loss.mark == (20, 1.5)
    assert loss.marked == "kept: 1.5000 at step 20"
    assert [curve.name for curve in accuracy.curves] == ["held out"], "what was not measured is not drawn"
    assert accuracy.mark == (20, 0.4)
    assert rate.title == "learning rate"


def test_single_batches_lie_behind():
    batches = [{"step": 3, "batch_loss": 4.0}, {"step": 6, "batch_loss": 3.5}]
    curve = chart(LINES, batches, Likelihood()).panels[0].curves[-1]
    assert (curve.name, curve.faint, curve.values.tolist()) == ("each batch", True, [4.0, 3.5])


def test_the_parts_of_a_symbol_have_a_panel():
    assert parts(NOTES) == ["pitch"]
    assert "held-out loss of each part of a symbol" in [panel.title for panel in chart(NOTES, [], Likelihood()).panels]


def test_what_critic_and_generator_lose_is_not_held_against_the_gap():
    gap, losses, distance, _ = chart(ADVERSARIAL, [], WganGp()).panels
    assert gap.title == "gap to the corpus, times what is aimed at"
    assert [curve.values.tolist() for curve in gap.curves] == [[9.0]]
    assert [curve.name for curve in losses.curves] == ["critic", "generator"]
    assert [curve.values.tolist() for curve in distance.curves] == [[4.0]]


def test_the_clock_is_there_where_it_grows():
    steps, seconds = chart(LINES, [], Likelihood()).clock
    assert steps.tolist() == [10, 20, 30]
    assert seconds.tolist() == [6, 12, 18]
    assert chart([LINES[1], LINES[0]], [], Likelihood()).clock is None
    assert chart([{"step": 1, "valid_loss": 1.0}], [], Likelihood()).clock is None


@pytest.mark.parametrize("found", [None, "3", True, math.nan, [], 10**400])
def test_what_is_no_number_is_left_out(found):
    assert math.isnan(value({"x": found}, "x")) or found is math.inf
    assert chart([{"step": 1, "valid_loss": found, "lr": 0.1}], [], None).panels[0].title == "learning rate"


def test_it_is_said_in_words_and_numbers():
    assert so_far(LINES) == "30 steps in 18 s, 1.5 times through the corpus."
    assert so_far([{"step": 1200}]) == "1,200 steps."
    assert so_far([]) == ""
    words = in_words(LINES, Likelihood())
    assert words == (
        "Curves of training over 30 steps: held-out loss from 2.5 at first to 1.5 at last, the least 1.5 at step 20."
    )
    heads, rows = table(LINES)
    assert heads == ["step", "time", "held out", "training", "accuracy, held out", "learning rate"]
    assert rows[0] == ["10", "6 s", "2.5", "3", "20.0 %", "0.1"]
    assert len(table(LINES * 100)[1]) == 40


def test_some_of_many_are_the_first_the_last_and_others_evenly_between():
    assert spread(range(101), 5) == [0, 25, 50, 75, 100]
    assert spread([1, 2], 5) == [1, 2]
    assert np.diff(spread(range(1000), 7)).std() < 1


@pytest.mark.parametrize(
    "seconds, said", [(3.2, "3 s"), (99, "99 s"), (150, "2 min"), (3600, "60 min"), (7500, "2 h 5 min"), (math.nan, "")]
)
def test_time_is_said_as_people_do(seconds, said):
    assert duration(seconds) == said
