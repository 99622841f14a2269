"""Phrases from a corpus to a run folder: which windows there are, what the manifest says, what is refused."""

import json

import numpy as np
import pytest
import torch

from erato import pipeline
from erato.datasets import Encodings, WindowDataset, Windows
from erato.errors import UsageError
from erato.models.musegan import MuseganConfig, Norm
from erato.recipes import TINY
from erato.representations.base import Rolls
from erato.training import WganGp
from erato.training.log import read_metrics
from erato.training.wgan_gp import AT_ONCE, SEED, SETTLING, latents

SPACE = Rolls(tracks=2, bars=2, steps=4, pitches=12, beat=2)


class Given:
    space = SPACE

    def copies(self, array, draw):  # type: ignore[no-untyped-def]
        return [array]


def encodings(*bars: int) -> Encodings:
    """Pieces of so many bars whose rows are numbered."""
    rows = np.concatenate([np.repeat(np.arange(4 * count)[:, None] % 12, 2, 1) for count in bars]).astype(np.int16)
    offsets = np.cumsum([0, *(4 * count for count in bars)])
    return Encodings(Given(), rows, offsets, {"train": list(range(len(bars))), "valid": [], "test": []}, {})


def test_a_phrase_begins_at_every_bar_of_a_piece_and_none_crosses_two() -> None:
    data = WindowDataset(encodings(5, 2), Windows(), 0, "x")
    assert len(data) == 4 + 1
    for index, begin in enumerate([0, 4, 8, 12, 0]):
        _, phrase, mask = data[(0, index)]
        assert mask.all() and phrase[:, 0].tolist() == [(begin + step) % 12 for step in range(8)]
    assert (
        len(WindowDataset(encodings(5, 2), Windows(length=8, stride=8), 0, "x")) == 3 + 1
    )  # the last one ends with the piece


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        (Windows(length=7), "phrases of 8 steps, got windows.length=7"),
        (Windows(stride=2), "windows.stride must be whole bars of 4 steps, got 2"),
        (Windows(drift=True), "leave out windows.drift=True"),
        (Windows(stretch=0.1), "leave out windows.stretch=0.1"),
        (Windows(shorten=0.5), "leave out windows.shorten=0.5"),
    ],
)
def test_windows_that_are_no_phrases_are_refused(windows: Windows, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        WindowDataset(encodings(5), windows, 0, "x")


def test_the_statistics_of_averaged_weights_are_those_of_what_they_write() -> None:
    """The mean over the batches from which they are worked out, for the first norm of a bar generator."""
    torch.manual_seed(0)
    config = MuseganConfig(latent=2, temporal=2, features=4, channels=4, critic_channels=2, critic_features=4)
    model = config.build(SPACE).eval()
    norm = next(part for part in model.generator.tracks[0].modules() if isinstance(part, Norm))
    heard: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda _, given: heard.append(given[0].mean(0)))
    momenta = [part.momentum for part in model.modules() if isinstance(part, Norm)]
    WganGp().settle(model, encodings(5))
    assert len(heard) == SETTLING * SPACE.bars  # each bar by itself
    assert torch.allclose(norm.running_mean, torch.stack(heard).mean(0), atol=1e-5)
    assert not model.training and not model.generator.training
    assert momenta == [part.momentum for part in model.modules() if isinstance(part, Norm)]
    heard.clear()
    rng = torch.Generator().manual_seed(SEED)
    model.generator.train()
    with torch.no_grad():
        model.generate(latents(model, AT_ONCE, rng))
    assert heard  # the same latents every time, so that a run is the same every time


def test_the_manifest_says_which_bars_and_tracks_were_taken(tmp_path, chorales) -> None:
    run = pipeline.train(TINY["musegan-small"], "bach-chorales", tmp_path / "run")
    used = json.loads((run.folder / "manifest.json").read_text("utf-8"))["used by the representation"]
    assert len(used) == 12
    assert all(
        one == {"tracks": ["Soprano", "Alto", "Tenor", "Bass"], "chosen by": one["chosen by"], "bars": "1-8"}
        for one in used.values()
    )


def test_what_does_not_learn_so_leaves_no_folder(tmp_path, chorales) -> None:
    with pytest.raises(UsageError, match="writes to no given tracks"):
        pipeline.train("musegan-small", "bach-chorales", tmp_path / "run", steps=1, settings=["objective.given=0.5"])
    assert not (tmp_path / "run").exists()


def test_pieces_say_how_they_were_made_and_only_the_own_corpus_is_called_training(tmp_path, chorales) -> None:
    run = pipeline.train(TINY["musegan-small"], "bach-chorales", tmp_path / "run")
    (one,) = run.sample(seed=5, chords=6, melody=[1, 2, 3, 4])
    facts = run.facts(one)
    assert (facts["seed"], facts["chords"], facts["melody"]) == ("5", "seed 6", "seeds 1, 2, 3, 4")
    steps = [run.facts(made)["morph"] for made in run.sample(seed=5, morph=9, morph_steps=3)]
    assert steps == [f"to seed 9, step {number} of 3" for number in (1, 2, 3)]
    own = run.evaluate(split="valid").features
    assert own is not None and "training" in own
    other = tmp_path / "other"
    other.mkdir()
    for number, path in enumerate(sorted(chorales.glob("*.mid"))):
        (other / f"{number}.mid").write_bytes(path.read_bytes())
    (other / "0.mid").unlink()
    found = run.evaluate(other, split="valid").features
    assert found is None or "training" not in found


def test_bars_of_another_length_need_no_other_setting(chorales, tmp_path) -> None:
    for steps in (4, 8, 12, 32):
        config = TINY["musegan-small"].model
        space = Rolls(4, 2, steps, 48)
        model = config.build(space).eval()
        assert (
            model.write({name: torch.zeros(1, *shape) for name, shape in model.latents.items()}).shape[1] == 2 * steps
        )


@pytest.mark.slow
def test_music_gets_closer_to_the_corpus(tmp_path) -> None:
    """Real chorales and the recipe's own sizes; a generator that learns nothing stays where it begins, at 8 or more."""
    settings = ["training.evaluations=4", "training.precision=float32"]
    run = pipeline.train("musegan-small", "bach-chorales", tmp_path / "run", steps=80, settings=settings)
    losses = [line["valid_loss"] for line in read_metrics(run.folder)]
    assert losses[-1] < 0.6 * losses[0] and losses[-1] < 5
    pitches = [note.pitch for track in run.compose(seed=1)[0].tracks for note in track.notes]
    assert 36 <= min(pitches) <= max(pitches) <= 83
