"""The parts of a model: those of every recipe add up, each module is there once, and what is drawn is what happens."""

from xml.etree import ElementTree

import pytest
import torch
from torch import nn

from erato.models import LstmConfig, PianonetConfig, PretrainedConfig, TransformerConfig, WindowLstmConfig
from erato.models.base import LatentModel
from erato.models.describe import count_parameters
from erato.picturing.model import parts_of
from erato.reading import read_piece
from erato.recipes import RECIPES, TINY
from erato.renderers.model_drawing import Drawing, model_svg
from erato.representations.base import Bits, Tokens

TOKENS = Tokens(50, start=0, end=1)
OWN = "numbers of its own"


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """Small pieces that every recipe can be fitted to: in two voices, in four, and songs."""
    from tests.conftest import scale_score, song, write_chorales  # type: ignore[import-not-found]

    voices = write_chorales(tmp_path_factory.mktemp("pieces") / "voices")
    return {
        "music": [scale_score(60 + number, seed=number) for number in range(4)],
        "text": [song(number) for number in range(4)],
        "phrases": [read_piece(path) for path in sorted(voices.glob("*.mid"))[:4]],
    }


def built(recipe, pieces):
    """A model of a recipe, and what it reads."""
    kind = "phrases" if "musegan" in recipe.name else recipe.representation.kind
    space = recipe.representation.fit(pieces[kind]).space
    return recipe.model.build(space).eval(), space


def rows(parts, times=1):
    """Every part with how many there are of it in the whole model."""
    for part in parts:
        yield part, times * part.count
        yield from rows(part.inside, times * part.count)


def find(parts, name):
    return next(part for part, _ in rows(parts) if part.name == name)


@pytest.mark.parametrize("name", TINY)
def test_the_parts_of_every_model_are_all_its_parameters_and_modules(name, pieces):
    model, space = built(TINY[name], pieces)
    parts = parts_of(model, space)
    assert sum(part.total for part in parts) == count_parameters(model)
    leaves = [
        module
        for module in model.modules()
        if [*module.parameters()] and not any([*child.parameters()] for child in module.children())
    ]
    drawn = [(part, count) for part, count in rows(parts) if not part.inside and part.kind != OWN]
    with_numbers = [(part, count) for part, count in drawn if part.total or part.note.startswith("shared")]
    assert sum(count for _, count in with_numbers) == len(leaves)
    own = [
        parameter
        for module in model.modules()
        if any([*child.parameters()] for child in module.children())
        for parameter in module.parameters(recurse=False)
    ]
    said = sum(count * len(part.name.split(", ")) for part, count in rows(parts) if part.kind == OWN)
    assert said == len(own)
    svg = model_svg(Drawing(name, [], parts, str(space)))
    texts = {element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {part.name for part, _ in rows(parts)} <= texts


@pytest.mark.parametrize("name", [name for name in RECIPES if not name.startswith("gpt2")])
def test_models_of_full_size_stay_legible(name, pieces):
    model, space = built(RECIPES[name], pieces)
    parts = parts_of(model, space)
    assert sum(part.total for part in parts) == count_parameters(model)
    assert sum(1 for _ in rows(parts)) <= 40
    assert len(model_svg(Drawing(name, [], parts))) < 40_000


def test_equal_blocks_are_one_part_with_what_is_added_past_them():
    model = TransformerConfig(layers=5, heads=2, width=8, context=8).build(TOKENS)
    parts = parts_of(model, TOKENS)
    assert [part.name for part in parts] == ["embedding", "blocks", "norm", "head"], "in the order they are used"
    blocks = parts[1]
    assert (blocks.count, blocks.skips, blocks.note, blocks.follows) == (5, 2, "one after another", True)
    names = [part.name for part in blocks.inside]
    assert names == ["attention_norm", "qkv", "out", "ffn_norm", "gate_up", "down"]
    assert (find(parts, "qkv").reads, find(parts, "qkv").gives) == ("T × 8", "T × 24")
    assert (parts[0].reads, parts[0].gives) == ("T", "T × 8")
    assert (parts[3].total, parts[3].note) == (0, "shared with embedding")


def test_a_layer_that_adds_nothing_past_it_says_so():
    plain, added = (
        parts_of(PianonetConfig(filters=((4, 4, 4),), residual=residual).build(Bits(12, 0.1)), Bits(12, 0.1))
        for residual in (False, True)
    )
    assert {part.skips for part in plain} == {0}
    assert [part.skips for part in added] == [0, 1, 1, 0], "the first one reads no numbers that were computed"


def test_what_differs_from_layer_to_layer_is_drawn_layer_by_layer_or_as_bars():
    few = parts_of(LstmConfig(widths=(4, 8, 4), dropout=(0.0,)).build(TOKENS), TOKENS)
    assert [part.name for part in few][1:4] == ["layers.0", "layers.1", "layers.2"]
    assert [part.gives for part in few][1:4] == ["T × 4", "T × 8", "T × 4"]
    many = parts_of(PianonetConfig(filter_increments=((2,) * 8,)).build(Bits(12, 0.1)), Bits(12, 0.1))
    assert many[0].count == 8
    # Two weights for each number that is read and each that is given, and a bias: 1 to 2, 2 to 4, ... 14 to 16.
    assert many[0].each == tuple(2 * max(1, 2 * n) * (2 * n + 2) + 2 * n + 2 for n in range(8))
    assert (many[0].reads, many[0].gives) == ("T + 1", "T × 16")


def test_a_size_that_does_not_grow_with_the_piece_is_said_as_it_is():
    parts = parts_of(WindowLstmConfig(width=6, window=11).build(TOKENS), TOKENS)
    assert (parts[0].reads, parts[0].gives, parts[0].total) == ("T × 11", "T × 11 × 50", 0)
    assert parts[1].kind == "LSTM, both ways"
    assert parts[2].reads == "T × 12"


def test_phrases_are_written_side_by_side_and_judged(pieces):
    model, space = built(TINY["musegan-small"], pieces)
    assert isinstance(model, LatentModel)
    generator, critic = parts_of(model, space)
    assert (generator.name, critic.name, critic.follows) == ("generator", "critic", True)
    tracks = find([generator], "tracks")
    assert (tracks.count, tracks.note) == (4, "side by side")
    assert find([generator], "melody").count == 4
    assert critic.gives == "1"


def test_a_checkpoint_of_transformers_is_drawn_without_its_wrapper():
    parts = parts_of(PretrainedConfig(layers=3, heads=2, width=8, context=16).build(TOKENS), TOKENS)
    assert [part.name for part in parts] == ["transformer", "lm_head"]
    blocks = find(parts, "h")
    assert (blocks.count, blocks.skips) == (3, 2)
    assert parts[1].note == "shared with transformer.wte"


def test_looking_changes_nothing():
    model = TransformerConfig(layers=1, heads=2, width=8, context=8).build(TOKENS)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    drawn = torch.get_rng_state()
    model.train()
    parts_of(model, TOKENS)
    assert model.training
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


class Double(nn.Module):
    """A model that does no more than is asked of it: zeros of each symbol through `through`."""

    def forward(self, x, mask=None, at=None):
        return self

    def log_prob(self, x):
        return self.through(torch.zeros(1, len(x[0]), 4))


def test_numbers_that_are_used_by_the_whole_stand_where_they_are_read():
    class Scaled(Double):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(3, 2)
            self.scale = nn.Parameter(torch.ones(3))
            self.first = nn.Linear(4, 3)

        def through(self, x):
            return self.last(self.first(x) * self.scale)

    parts = parts_of(Scaled(), TOKENS)
    assert [(part.name, part.reads) for part in parts] == [("first", "T × 4"), ("scale", ""), ("last", "T × 3")]


def test_only_what_a_part_reads_itself_is_added_past_it():
    class Sum(nn.Module):
        def __init__(self, past):
            super().__init__()
            self.past, self.one, self.other = past, nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            found = self.one(x) + self.other(x)
            return x + found if self.past else found

    class Sums(Double):
        def __init__(self):
            super().__init__()
            self.first, self.inner, self.past = nn.Linear(4, 4), Sum(False), Sum(True)

        def through(self, x):
            return self.past(self.inner(self.first(x)))

    assert [(part.name, part.skips) for part in parts_of(Sums(), TOKENS)] == [("first", 0), ("inner", 0), ("past", 1)]


def test_equal_layers_stand_apart_where_others_come_between():
    class Alternating(Double):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
            self.norms = nn.ModuleList(nn.LayerNorm(4) for _ in range(2))

        def through(self, x):
            for layer, norm in zip(self.layers, self.norms, strict=True):
                x = norm(layer(x))
            return x

    assert [part.name for part in parts_of(Alternating(), TOKENS)] == ["layers.0", "norms.0", "layers.1", "norms.1"]
