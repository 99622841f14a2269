"""What notes cost: by hand with models known by heart, and for every recipe of music that no nat is lost."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from symusic import Note, Score, Track
from tests.conftest import Notes  # type: ignore[import-not-found]
from torch import Tensor

from erato.errors import EratoError, UsageError
from erato.evaluation.likelihood import likelihoods
from erato.evaluation.surprise import shared, surprise
from erato.models import Categorical, SequenceModel
from erato.models.base import Distribution
from erato.models.frame_heads import Autoregressive, Bernoulli
from erato.phrase_run import PhraseRun
from erato.recipes import TINY
from erato.representations import NoteChordsConfig, PerformanceConfig, PianorollConfig
from erato.sequence_run import SequenceRun

MUSIC = [name for name, recipe in TINY.items() if recipe.representation.kind == "music"]


def score_of(*tracks: list[tuple[int, int, int, int]]) -> Score:
    score = Score(480)
    for number, notes in enumerate(tracks):
        made = Track(f"voice {number}", 0, False)
        for note in notes:
            made.notes.append(Note(*note))
        score.tracks.append(made)
    return score


class Same(SequenceModel):
    """Gives every symbol of every piece the same logits."""

    def __init__(self, logits: list[float], kind: type[Categorical] | type[Bernoulli] = Categorical) -> None:
        super().__init__()
        self.logits, self.kind = torch.tensor(logits), kind

    def start(self, batch: int) -> None:
        return None

    def extend(self, x: Tensor, state: Any, mask: Tensor | None = None) -> tuple[Distribution, Any]:
        return self.kind(self.logits.expand(*x.shape[:2], -1)), state


def test_terms_go_to_the_notes_that_they_are_of_and_the_rest_to_none() -> None:
    nats = np.array([[1.0], [6.0], [2.0], [0.5]])
    notes, rest = shared(nats, np.array([[0, -1], [0, 2], [2, -1], [-1, -1]]), 4)
    assert notes.tolist() == [4.0, 0.0, 5.0, 0.0] and rest == 0.5
    # Two keys, and the end of each frame: what it costs belongs to no note.
    frames = np.array([[1.0, 2.0, 0.25], [4.0, 8.0, 0.5]])
    notes, rest = shared(frames, np.array([[0, -1], [0, 1]]), 2)
    assert notes.tolist() == [5.0, 8.0] and rest == 2.75


def test_a_performance_under_a_model_that_knows_nothing() -> None:
    """Each note costs the logarithm of the vocabulary's size for each symbol that leads to it or ends it."""
    piece = score_of([(0, 480, 60, 80), (480, 480, 64, 80)])
    representation = PerformanceConfig().fit([piece])
    size = representation.space.size
    found = surprise(Same([0.0] * size), representation, representation.encode(piece).array)
    # Velocity On Shift Off On Shift Off <end>: the first shift leads to the second note, the second to its end.
    assert np.concatenate(found.notes) == pytest.approx(np.array([3, 4]) * math.log(size))
    assert found.remainder == pytest.approx(math.log(size)) and found.nats == pytest.approx(8 * math.log(size))


def test_the_notes_of_a_chord_share_what_it_costs() -> None:
    piece = score_of([(0, 240, 60, 90), (240, 240, 60, 90), (240, 240, 64, 90), (240, 240, 67, 90)])
    representation = NoteChordsConfig().fit([piece])
    chances = {"<start>": 0.05, "<end>": 0.05, "0.4.7": 0.8, "C4": 0.1}
    model = Same([math.log(chances[name]) for name in representation.names()])
    found = surprise(model, representation, representation.encode(piece).array)
    chord = -math.log(0.8) / 3
    assert found.notes[0] == pytest.approx([-math.log(0.1), chord, chord, chord])
    assert found.remainder == pytest.approx(-math.log(0.05))


def test_a_key_of_a_frame_costs_what_its_note_costs_and_silence_belongs_to_none() -> None:
    representation = PianorollConfig(step_beats=1, lowest=60, keys=2).fit([score_of([(0, 480, 60, 80)])])
    piece = score_of([(0, 960, 60, 80), (480, 480, 61, 80)])
    model = Same([math.log(0.25 / 0.75), math.log(0.1 / 0.9)], Bernoulli)  # how probable each key is
    found = surprise(model, representation, representation.encode(piece).array)
    assert found.notes[0] == pytest.approx([-2 * math.log(0.25), -math.log(0.1)])
    assert found.remainder == pytest.approx(-math.log(0.9))  # of the upper key in the first frame


def test_the_terms_of_a_frame_add_up_and_each_is_that_of_its_key_given_the_lower_ones() -> None:
    torch.manual_seed(0)
    head = Autoregressive(width=4, keys=3, planes=1, neighbours=0, hidden=5, dropout=0.0).eval()
    h, planes = torch.randn(1, 2, 4), torch.zeros(1, 2, 1, 3)
    y = torch.tensor([[[1, 0, 1], [0, 0, 0]]])
    with torch.no_grad():
        given = head(h, planes)
        terms, whole = given.terms(y), given.log_prob(y)
        # How probable it is that key 0 is the lowest of a frame: the sum over all frames that have it.
        having = [torch.tensor([[[1, a, b], [0, 0, 0]]]) for a in (0, 1) for b in (0, 1)]
        lowest = sum(head(h, planes).log_prob(frame)[0, 0].exp().item() for frame in having)
    assert terms.shape == (1, 2, 4)
    assert terms.sum(-1)[0].tolist() == pytest.approx(whole[0].tolist(), rel=1e-5)
    assert terms[0, 0, 1] == 0 and terms[0, 1, :3].tolist() == [0, 0, 0]
    assert math.exp(terms[0, 0, 0]) == pytest.approx(lowest, rel=1e-5)


@pytest.mark.parametrize("name", MUSIC)
def test_every_recipe_of_music_tells_what_each_note_costs_and_loses_no_nat(name: str) -> None:
    rng = np.random.default_rng(7)
    notes = [(int(t) * 120, int(d) * 120, int(p), 80) for t, d, p in rng.integers([0, 1, 50], [40, 9, 70], (30, 3))]
    piece = score_of(notes[:20], notes[20:])
    recipe = TINY[name]
    torch.manual_seed(0)
    if name.startswith("musegan"):
        run = PhraseRun(Path("run"), recipe, SimpleNamespace(space=None), None)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=r"likelihood.*\.$"):
            run.surprise(piece)
        return
    representation = recipe.representation.fit([piece])
    model = recipe.model.build(representation.space)
    assert isinstance(model, SequenceModel)
    told = Notes()
    found = SequenceRun(Path("run"), recipe, representation, model).surprise(piece, reporter=told)
    array = representation.encode(piece).array
    decoded = representation.decode(array)
    assert found.score == decoded and isinstance(decoded, Score)
    assert [len(nats) for nats in found.notes] == [len(track.notes) for track in decoded.tracks]
    assert sum(map(len, found.notes)) > 10
    whole = likelihoods(model, [array], representation.space).nats[0]
    assert found.nats == pytest.approx(whole, rel=1e-5)
    assert all((nats > 0).all() for nats in found.notes) and found.remainder >= -1e-6 * whole
    assert any("Not held" in said for said in told.said) == bool(representation.encode(piece).lost)
    assert any("pitches alone" in said for said in told.said) == (name == "note-lstm-tutorial")


def test_what_has_no_notes_or_no_numbers_is_refused_in_a_sentence() -> None:
    piece = score_of([(0, 480, 60, 80)])
    words = SequenceRun(Path("run"), TINY["char-lstm"], SimpleNamespace(kind="text"), None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"char-lstm writes text.*\.$"):
        words.surprise("la la")
    representation = PerformanceConfig().fit([piece])
    broken = Same([math.nan] * representation.space.size)
    with pytest.raises(EratoError, match=r"\.$"):
        SequenceRun(Path("run"), TINY["performance-transformer"], representation, broken).surprise(piece)
    with pytest.raises(UsageError, match="piece of that kind"):
        SequenceRun(Path("run"), TINY["performance-transformer"], representation, broken).surprise("la la")
