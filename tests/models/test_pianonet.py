"""Dilated convolutions over key states, against a network written out number by number."""

import gc
import math
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models import Pianonet, PianonetConfig, pianonet
from erato.models.describe import count_parameters, describe
from erato.representations.base import Bits

SPACE = Bits(keys=3, step_s=0.5)
PUBLISHED = PianonetConfig()  # the three-block example
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "relu": {"default_activation": "relu"},
    "residual": {"residual": True},
    "gated": {"gated": True},
    "norm": {"norm": True},
    "keys": {"keys": True},
    "beats": {"beats": 2},
    "all": {"residual": True, "gated": True, "norm": True, "keys": True, "beats": 2},
}


def built(seed: int = 0, double: bool = True, **settings: Any) -> Pianonet:
    torch.manual_seed(seed)
    settings.setdefault("filters", ((3, 4, 2), (5, 2)))
    model = PianonetConfig(**settings).build(SPACE).eval()
    model = model.double() if double else model
    with torch.no_grad():  # nothing stays 0, or 1
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def states(rows: int, length: int, seed: int = 1) -> Tensor:
    """[rows, length] what stands before a piece, and key states."""
    rng = torch.Generator().manual_seed(seed)
    found = torch.randint(0, 2, (rows, length), generator=rng, dtype=torch.int8)
    found[:, 0] = -1
    return found


def by_hand(model: Pianonet, x: list[int]) -> list[float]:
    """The logit after each of x, from the weights one by one and the definition of the network."""
    config, keys = model.config, model.keys
    weights = [{n: p.detach().numpy() for n, p in layer.named_parameters()} for layer in model.layers]
    dilations = [2**i for block in config.widths() for i in range(len(block))]

    @lru_cache(None)
    def read(layer: int, t: int) -> tuple[float, ...]:
        """What layer `layer` gives at t; -1 is the input."""
        if layer < 0:
            return (float(max(x[t], 0)) if t >= 0 else 0.0,)
        if t < -2 * sum(dilations) - 2 * keys * (config.beats or 1):  # long silence: one cycle is like the next
            return read(layer, t + keys * (config.beats or 1))
        own, d = weights[layer], dilations[layer]
        past, now = read(layer - 1, t - d), read(layer - 1, t)
        z = []
        for g in range(len(own["bias"])):
            value = own["bias"][g]
            for c in range(len(now)):
                value += past[c] * own["weight"][c, g] + now[c] * own["weight"][len(now) + c, g]
            if config.keys:
                value += own["of_key.weight"][t % keys, g]
            if config.beats:
                value += own["of_beat.weight"][t // keys % config.beats, g]
            z.append(value)
        if config.norm:
            mean, spread = np.mean(z), math.sqrt(np.var(z) + 1e-3)
            z = [(v - mean) / spread * own["gain"][g] + own["shift"][g] for g, v in enumerate(z)]
        if config.gated:
            half = len(z) // 2
            found = [math.tanh(a) / (1 + math.exp(-b)) for a, b in zip(z[:half], z[half:], strict=True)]
        elif config.default_activation == "relu":
            found = [max(v, 0.0) for v in z]
        else:
            found = [v if v > 0 else math.exp(v) - 1 for v in z]
        if config.residual:
            found = [v + (now[f] if f < len(now) else 0.0) for f, v in enumerate(found)]
        return tuple(found)

    out, bias = model.out.weight.detach().numpy()[0], float(model.out.bias.detach()[0])
    extra = model.of_key.detach().numpy() if model.of_key is not None else np.zeros(keys)
    last = len(dilations) - 1
    return [float(np.dot(read(last, t), out)) + bias + extra[t % keys] for t in range(len(x))]


@pytest.mark.parametrize("options", OPTIONS)
def test_every_way_of_reading_gives_what_the_definition_gives(options: str) -> None:
    model, x = built(**OPTIONS[options]), states(2, 40)
    wanted = torch.tensor([by_hand(model, row.tolist()) for row in x])
    assert torch.allclose(model(x).logits, wanted, atol=1e-10)  # all at once
    with torch.no_grad():
        fast, state = [], model.start(2)
        for begin, end in ((0, 1), (1, 2), (2, 9), (9, 40)):  # compiled passes
            found, state = model.extend(x[:, begin:end], state)
            fast.append(found.logits)
        assert torch.allclose(torch.cat(fast, 1), wanted, atol=1e-10)
        for rows in (slice(0, 1), slice(1, 2)):
            assert torch.allclose(model.extend(x[rows], model.start(1))[0].logits, wanted[rows], atol=1e-10)
    found, _ = model.extend(x, model.start(2))  # with gradients, by torch
    assert torch.allclose(found.logits, wanted, atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS)
def test_a_sample_after_all_that_is_seen_needs_no_padding(options: str) -> None:
    model = built(**OPTIONS[options])
    whole, period = states(2, 61), SPACE.keys * 2
    assert model.context == 1 + 7 + 3 <= 2 * period
    lead = 3 * period
    mask = torch.zeros(2, 49, dtype=torch.bool)
    mask[:, lead:] = True
    with torch.no_grad():
        wanted = model(whole).logits
        for begin in (0, 2 * period):
            found = model(whole[:, begin : begin + 49], mask).logits
            assert found.shape == (2, 49)
            assert torch.allclose(found[:, lead:], wanted[:, begin + lead : begin + 49], atol=1e-10)


def test_the_published_example_has_its_published_size() -> None:
    model = PUBLISHED.build(Bits(72, 1 / 48))
    assert count_parameters(model) == 437_853
    assert model.context == 1 + (2**12 - 1) + (2**11 - 1) + (2**10 - 1) == 7166
    assert [layer.gives for layer in model.stack][:3] == [4, 8, 12] and model.stack[-1].gives == 156
    assert "33 layers that see 7,166 key states (99.5 steps, 2.07 s)" in describe(model, Bits(72, 1 / 48))


def test_it_begins_as_published() -> None:
    model = PUBLISHED.build(Bits(72, 1 / 48))
    assert model.out.bias.item() == pytest.approx(-3.2)
    for layer in model.stack:  # Glorot, by the sizes of a kernel of width 2
        limit = math.sqrt(6 / (2 * layer.reads + 2 * layer.gives))
        assert 0.6 * limit < layer.weight.abs().max() <= limit and not layer.bias.any()
    chance = torch.sigmoid(model(torch.zeros(1, 300, dtype=torch.int8)).logits)
    assert ((chance > 0.03) & (chance < 0.05)).all()
    assert not PianonetConfig(use_calibrated_output_bias=False).build(SPACE).out.bias.any()


def test_filters_are_absolute_and_increments_add_up() -> None:
    one = PianonetConfig(filter_increments=((2, 3), (-1, 4)))
    assert one.widths() == PianonetConfig(filters=((2, 5), (4, 8))).widths() == [[2, 5], [4, 8]]
    assert list(one.layers()) == [(1, 2, 1), (2, 5, 2), (5, 4, 1), (4, 8, 2)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"filter_increments": ((4, -4),)}, "layer 2 has 0"),
        ({"filter_increments": ((0, 4),)}, "layer 1 has 0"),
        ({"filters": ((4, 4), (4, -1))}, "layer 4 has -1"),
        ({"filter_increments": ()}, "one or more blocks"),
        ({"filter_increments": ((), (1,))}, "one or more blocks"),
        ({"filters": ((1,) * 25,)}, "at most 24 layers"),
        ({"default_activation": "tahn"}, "default_activation"),
        ({"default_kernel_initializer": "he_norm"}, "did you mean"),
        ({"dropout": 1.0}, "dropout"),
        ({"beats": -1}, "beats"),
    ],
)
def test_sizes_that_make_no_network_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        PianonetConfig(**settings)


def test_single_precision_is_as_near_as_it_can_be() -> None:
    model, x = built(double=False, filters=((8, 8, 8), (16, 16))), states(1, 60)
    double = built(filters=((8, 8, 8), (16, 16)))
    double.load_state_dict({name: value.double() for name, value in model.state_dict().items()})
    with torch.no_grad():
        fast = model.extend(x, model.start(1))[0].logits
        assert (fast - double(x).logits).abs().max() < 1e-5


def test_what_is_remembered_moves_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pianonet, "ROOM", 10)
    for options in ("plain", "all"):
        model, x = built(**OPTIONS[options]), states(2, 90)
        with torch.no_grad():
            wanted = model(x).logits
            for size in (1, 3, 7, 10, 25):
                found, state = [], model.start(2)
                for part in torch.split(x, size, 1):
                    distribution, state = model.extend(part, state)
                    found.append(distribution.logits)
                assert torch.allclose(torch.cat(found, 1), wanted, atol=1e-10)


def test_a_draft_that_was_wrong_is_written_over_and_nothing_is_copied() -> None:
    model, x = built(), states(1, 60)
    with torch.no_grad():
        wanted, state = model(x).logits, model.start(1)
        first = model.extend(x[:, :5], state)[1]
        memory, state = first.memory, first
        del first
        for begin in range(5, 50, 5):
            wrong = torch.cat([x[:, begin : begin + 3], 1 - x[:, begin + 3 : begin + 6]], 1)
            after = model.extend(wrong, state)[1]
            state = model.keep(state, after, wrong, 3)
            del after
            found, state = model.extend(x[:, begin + 3 : begin + 5], state)
            assert torch.allclose(found.logits, wanted[:, begin + 3 : begin + 5], atol=1e-10)
            assert state.memory is memory


def test_a_state_that_is_still_used_keeps_what_it_remembers() -> None:
    model, x = built(), states(1, 40)
    with torch.no_grad():
        wanted, before = model(x).logits, model.extend(x[:, :20], model.start(1))[1]
        after = model.extend(x[:, 20:30], before)[1]
        other = model.extend(1 - x[:, 20:30].clamp(min=0), before)[1]  # from the same state
        assert other.memory is not after.memory
        assert torch.allclose(model.extend(x[:, 30:], after)[0].logits, wanted[:, 30:], atol=1e-10)
        del other
        gc.collect()


def test_weights_that_an_optimizer_changed_are_read_anew() -> None:
    model, x = built(double=False), states(1, 12)
    optimizer = torch.optim.Adam(model.parameters(), 0.1, fused=True)  # which tells nobody that it changes them
    for _ in range(3):
        model.train()
        model(x).log_prob(x).sum().backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            assert torch.allclose(model.extend(x, model.start(1))[0].logits, model(x).logits, atol=1e-5)


def test_what_lies_too_far_back_need_not_be_read() -> None:
    for options in ("plain", "all"):
        model, x = built(**OPTIONS[options]), states(1, 80)
        skip = model.forgotten(79)
        assert 0 < skip <= 79 - model.context and skip % (3 * (model.config.beats or 1)) == 0
        with torch.no_grad():
            whole = model.extend(x, model.start(1))[0].logits
            assert torch.allclose(model.extend(x[:, skip:], model.start(1))[0].logits[:, -1], whole[:, -1], atol=1e-10)
        assert model.forgotten(model.context) == 0


def test_gradients_are_those_of_plain_convolutions() -> None:
    """The same network from torch's own layers, and its gradients."""
    model = built()
    x, wide = states(3, 30), model.context - 1
    mask = torch.zeros(3, 30, dtype=torch.bool)
    mask[:, wide:] = True
    signal = x.clamp(min=0).double()[:, None]
    copies = []
    for layer in model.stack:
        past, now = layer.weight.detach().chunk(2)
        weight = torch.stack([past.t(), now.t()], 2).requires_grad_()
        bias = layer.bias.detach().clone().requires_grad_()
        copies.append((weight, bias))
        signal = torch.nn.functional.elu(torch.conv1d(signal, weight, bias, dilation=layer.dilation))
    logits = torch.conv1d(signal, model.out.weight.detach()[:, :, None], model.out.bias.detach())[:, 0]
    target = states(3, 30 - wide, 7).clamp(min=0).double()
    torch.nn.functional.binary_cross_entropy_with_logits(logits, target).backward()
    found = model(x, mask)
    assert torch.allclose(found.logits[:, wide:], logits, atol=1e-12)
    y = torch.cat([torch.full((3, wide), -1.0), target], 1)
    (-found.log_prob(y)[mask].mean()).backward()
    for layer, (weight, bias) in zip(model.stack, copies, strict=True):
        assert layer.weight.grad is not None and layer.bias.grad is not None and weight.grad is not None
        both = torch.cat([weight.grad[:, :, 0].t(), weight.grad[:, :, 1].t()])
        assert torch.allclose(layer.weight.grad, both, atol=1e-12)
        assert torch.allclose(layer.bias.grad, bias.grad, atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS)
def test_deep_networks_of_every_kind_begin_to_learn(options: str) -> None:
    torch.manual_seed(0)
    deep = {"filters": ((16,) * 9,) * 3, **OPTIONS[options]}
    model, x = PianonetConfig(**deep).build(Bits(24, 0.1)), torch.zeros(2, 240, dtype=torch.int8)
    x[:, 120::9] = 1  # after silence
    loss = -model(x[:, :-1]).log_prob(x[:, 1:]).mean()
    loss.backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    assert loss < 1 and norm < 20
