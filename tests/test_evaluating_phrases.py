"""What is said of a model that writes whole phrases, with a model whose phrases can be worked out by hand."""

import json
from typing import ClassVar

import numpy as np
import pytest
import torch

from erato.cli_tables import print_features
from erato.errors import EratoError, UsageError
from erato.evaluating_phrases import BATCH, evaluate_phrases
from erato.models.base import LatentModel
from erato.representations.multitrack import Multitrack, MultitrackConfig
from erato.sampling.latent import Latents

CONFIG = MultitrackConfig(tracks=2, bars=1, steps=4, beat=4, lowest=40, pitches=24)
REPRESENTATION = Multitrack(CONFIG, ("flute", "cello"), (73, 42))
R = 24  # a rest


class Signs(LatentModel):
    """Writes 12 or 13 by the sign of a latent: of chords in the first half of the flute, of melody in its second half
    and in the first half of the cello, of style in the third step of the cello, which is silent in the last."""

    space = REPRESENTATION.space
    latents: ClassVar = {"chords": (1,), "style": (1,), "melody": (2, 1), "groove": (2, 1)}

    def __init__(self):
        super().__init__()
        self.generator = self.critic = torch.nn.Linear(1, 1)
        self.asked = []

    def rolls(self, phrases):
        raise NotImplementedError

    def generate(self, latents, given=None):
        raise NotImplementedError

    def write(self, latents, given=None):
        assert not self.training
        self.asked.append(len(latents["chords"]))
        chords, style, one, other = (
            12 + (part[:, 0] > 0).long()
            for part in (latents["chords"], latents["style"], latents["melody"][:, 0], latents["melody"][:, 1])
        )
        flute, cello = [chords, chords, one, one], [other, other, style, torch.full_like(style, R)]
        return torch.stack([torch.stack(flute, 1), torch.stack(cello, 1)], 2)


def piece(*voices):
    return np.array(voices, np.int16).T


TRAINING = [
    piece([5, 12, 12, 13, 13, 5, 5], [5, 13, 13, 12, R, R, R]),  # holds one that Signs writes, from its second step on
    piece([3, 3, 4, 4] * 3, [2, R, R, R] * 3),
]
HELD_OUT = [piece([3, 3, 4, 4], [7, R, R, R]), piece([3, 3, 3, 5, 5, 5], [R] * 6), piece([0], [0])]


def evaluated(model=None, **settings):
    settings = {"generated": 600, **settings}
    return evaluate_phrases(model or Signs(), REPRESENTATION, HELD_OUT, TRAINING, "test", **settings)


@pytest.fixture(scope="module")
def found():
    return evaluated()


def values(found, name, measure):
    return [cell["value"] for cell in found.features[name][measure].values()]


def test_the_sets_of_phrases_by_hand(found):
    # Four phrases of training: one of the first piece, three of the second; two that are held out.
    assert values(found, "training", "used_pitch_classes") == [(3 + 3 * 2) / 4, (3 + 3 * 1) / 4]
    assert values(found, "held out", "used_pitch_classes") == [(2 + 2) / 2, (1 + 0) / 2]
    assert values(found, "held out", "empty_bars") == [0, 1 / 2]
    assert values(found, "generated", "used_pitch_classes") == pytest.approx([1.5, 1.5], abs=0.05)
    # A step of the cello is one note alone where style and melody differ.
    assert values(found, "generated", "one_step_notes") == [0, pytest.approx((1 / 2) / (3 / 2), abs=0.03)]
    assert values(found, "generated", "polyphonic_rate") == [3 / 4]


def test_entries_have_the_names_of_the_voices(found):
    for name in ("training", "held out", "generated"):
        assert list(found.features[name]["empty_bars"]) == ["flute", "cello"]
        assert list(found.features[name]["tonal_distance"]) == ["flute-cello"]


def test_values_lie_in_their_intervals(found):
    for cell in found.features["generated"]["used_pitch_classes"].values():
        assert cell["low"] < cell["value"] < cell["high"]
        assert cell["high"] - cell["low"] == pytest.approx(2 * 1.96 * 0.5 / 600**0.5, rel=0.15)
    # Of pieces, not phrases: the mean is that of either piece, or of both, whichever is drawn.
    cell = found.features["training"]["used_pitch_classes"]["flute"]
    assert (cell["low"], cell["high"]) == (2, 3)


def test_what_cannot_be_measured_is_none():
    silent = [piece([R] * 4, [R] * 4)]
    found = evaluate_phrases(Signs(), REPRESENTATION, silent, None, "valid", generated=50)
    nothing = {"value": None, "low": None, "high": None}
    assert found.features["pieces"]["tonal_distance"] == {"flute-cello": nothing}
    assert found.features["diversity"]["ratio"] is None
    json.dumps(found.to_json(), allow_nan=False)


def test_gaps_are_to_training(found):
    assert list(found.features["gap"]) == ["held out", "generated"]
    gap = found.features["gap"]["held out"]
    assert gap["used_pitch_classes"] == pytest.approx(((2.25 - 2) / 2.25 + (1.5 - 0.5) / 1.5) / 2)
    assert gap["empty_bars"] == 50


def test_gaps_are_to_the_pieces_where_there_is_no_training():
    found = evaluate_phrases(Signs(), REPRESENTATION, HELD_OUT, None, "test", generated=50)
    assert list(found.features["gap"]) == ["generated"]
    assert [name for name in found.features if name not in ("gap", "diversity", "steering")] == ["pieces", "generated"]
    assert found.originality["real_phrases"] == 1 + 3


def test_steering_is_the_share_of_sounding_cells_that_change(found):
    # Of seven cells that sound; a latent that is drawn anew has another sign half of the time.
    assert found.features["steering"] == {
        "chords": pytest.approx(2 / 7 / 2, abs=0.02),
        "style": pytest.approx(1 / 7 / 2, abs=0.02),
        "melody": pytest.approx(4 / 7 / 2, abs=0.02),
        "groove": 0,
    }


class Rests(Signs):
    """The last step of the cello sounds too, or not, by the sign of groove."""

    def write(self, latents, given=None):
        found = super().write(latents)
        found[:, 3, 1] = torch.where(latents["groove"][:, 0, 0] > 0, 12, R)
        return found


def test_steering_counts_cells_that_sounded_before():
    # One of 7 1/2 cells: it sounds half of the time, and then falls silent half of the time.
    steering = evaluated(Rests(), generated=1000).features["steering"]
    assert steering["groove"] == pytest.approx(1 / 4 / 7.5, abs=0.006)


def test_diversity_and_its_share_of_the_real_one(found):
    # Two phrases of Signs differ in half of the seven cells; the last one is always a rest.
    varied = found.features["diversity"]
    assert varied["generated"] == pytest.approx(7 / 2 / 8, abs=0.01)
    assert varied["training"] == pytest.approx(
        1 / 2, abs=0.01
    )  # of six pairs, three are equal, three have nothing alike
    assert varied["ratio"] == varied["generated"] / varied["training"]


def test_copies_are_found_from_whichever_step_on(found):
    drawn = Latents.draw(Signs.latents, 600, 0, kept=())
    chords, style = drawn["chords"][:, 0], drawn["style"][:, 0]
    melody = drawn["melody"][:, :, 0]
    equal = int(((chords < 0) & (melody > 0).all(1) & (style < 0)).sum())
    assert 0 < equal < 80
    assert found.originality == {
        "copies": equal,
        "transposed_copies": equal,
        "phrases": 600,
        "real_phrases": 4 + 9,
    }


def test_transposed_copies():
    higher = [piece([20, 20, 21, 21], [21, 21, 20, R])]
    found = evaluate_phrases(Signs(), REPRESENTATION, higher, None, "test", generated=600)
    assert found.originality["copies"] == 0
    assert 0 < found.originality["transposed_copies"] < 80


def test_there_are_no_nats(found):
    assert found.accuracy is found.nats_per_note is found.perplexity is found.baseline is None
    assert found.parts == {}
    assert (found.split, found.pieces, found.symbols) == ("test", 3, 11)
    assert "600 generated phrases of 1 bar," in found.protocol
    assert "4 training, 2 held out" in found.protocol
    json.dumps(found.to_json(), allow_nan=False)


def test_the_seed_decides(found):
    assert evaluated().to_json() == found.to_json()
    assert evaluated(seed=1).features != found.features


def test_phrases_are_written_in_batches_and_the_model_stays_as_it_was():
    model, told = Signs(), []
    model.train()
    evaluated(model, progress=lambda *args: told.append(args))
    assert model.training
    assert model.asked[:3] == [BATCH, BATCH, 100]
    assert told == [(250, 600, "writing phrases"), (500, 600, "writing phrases"), (600, 600, "writing phrases")]


def test_pieces_shorter_than_a_phrase_are_refused():
    short = [piece([0], [0])]
    with pytest.raises(UsageError, match="none of the 1 held out pieces has 1 bar that"):
        evaluate_phrases(Signs(), REPRESENTATION, short, TRAINING, "test", generated=10)
    with pytest.raises(UsageError, match="none of the 1 pieces has 1 bar that"):
        evaluate_phrases(Signs(), REPRESENTATION, short, None, "test", generated=10)


def test_a_model_that_diverged_is_refused():
    model = Signs()
    torch.nn.init.constant_(model.generator.bias, float("nan"))
    with pytest.raises(EratoError, match="no numbers any more"):
        evaluated(model)


def test_the_table_stands_side_by_side(found, capsys):
    print_features(found.to_json())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["training", "held", "out", "generated"]
    flute = lines[lines.index("used pitch classes") + 1]
    cell = found.features["generated"]["used_pitch_classes"]["flute"]
    assert flute.split()[:4] == ["flute", "2.250", "[2.000,", "3.000]"]
    assert flute.endswith(f"{cell['value']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]")
    assert flute.index(f"{cell['value']:.3f} [") == lines[0].index("generated")  # aligned
    assert any(line.split() == ["empty", "bars", "50.00", "points", "0.00", "points"] for line in lines)
    assert not any("qualified" in line for line in lines)  # all of them, by construction
    assert any(line.startswith(f"copies: {found.originality['copies']} of 600") for line in lines)


def test_the_table_says_where_there_is_nothing(capsys):
    silent = [piece([R] * 4, [R] * 4)]
    print_features(evaluate_phrases(Signs(), REPRESENTATION, silent, None, "valid", generated=50).to_json())
    assert any(line.split()[:2] == ["flute-cello", "none"] for line in capsys.readouterr().out.splitlines())
