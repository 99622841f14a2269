"""The note LSTM and its heads against values worked out apart: scales, masses of bins, draws."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import fisk, logistic
from torch import Tensor

from erato.errors import UsageError
from erato.models import NoteLstmConfig
from erato.models.base import Distribution, Filters
from erato.models.note_heads import LONGEST_S, MixtureHead, NoteRegression, RegressionHead, TimeMixture
from erato.representations import NoteFeaturesConfig
from erato.representations.base import Notes
from erato.sampling import Sampler, Stop, sample

SPACE = Notes()
PLAIN = Notes(velocity=False)


class Heated(Filters):
    """A temperature for each feature, and nothing else."""

    def __init__(self, *temperatures: float) -> None:
        self.temperatures = temperatures

    def __call__(self, logits: Tensor, feature: int = 0) -> Tensor:
        return logits / self.temperatures[feature]

    def temperature(self, feature: int = 0) -> float:
        return self.temperatures[feature]


def after_a_note(head: MixtureHead | RegressionHead, hidden: Tensor) -> Distribution:
    """What the head makes of hidden states [B, T, H] after notes of pitch 60."""
    return head(hidden, torch.full((*hidden.shape[:2], 4), 60.0))  # type: ignore[no-any-return]


def uniforms(rows: int, count: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((rows, count)))


def mixture(*, zero: bool = True, k: int = 3, rows: tuple[int, ...] = (), seed: int = 0) -> TimeMixture:
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(*rows, k + zero, generator=rng)
    middles = torch.rand(*rows, k, generator=rng) * 4 + 0.5
    return TimeMixture(logits, middles, torch.rand(*rows, k, generator=rng) - 2)


def test_the_tutorials_input_is_scaled_as_its_training_was() -> None:
    model = NoteLstmConfig(width=4, head="regression", embedding=0).build(PLAIN)
    notes = torch.tensor([[[-1.0, -1.0, -1.0], [64.0, 0.25, 1.5], [127.0, 0.0, 0.01]]])
    with torch.no_grad():
        model.first.copy_(torch.tensor([0.7, 0.8, 0.9]))
        found = model.scaled(notes)
    assert torch.equal(found, torch.tensor([[[0.7, 0.8, 0.9], [0.5, 0.25, 1.5], [127 / 128, 0.0, 0.01]]]))
    other = NoteLstmConfig(width=4, head="regression", embedding=0).build(SPACE)
    loud = torch.tensor([[[64.0, 0.25, 1.5, 32.0]]])
    assert other.scaled(loud).tolist() == [[[0.5, 0.25, 1.5, 0.25]]]


def test_times_are_read_as_logarithms_and_pitches_by_their_own_vectors() -> None:
    model = NoteLstmConfig(width=4, embedding=3).build(SPACE)
    found = model.scaled(torch.tensor([[[60.0, 0.0, 0.5, 64.0]]]))[0, 0]
    assert torch.equal(found[:3], model.embedding.weight[60])
    assert found[3:].tolist() == pytest.approx([0.0, 1.0, math.log(51) / 4, 0.0, 0.5])


@pytest.mark.parametrize("head", ["mixture", "regression"])
@pytest.mark.parametrize("embedding", [0, 5])
def test_a_note_that_was_drawn_is_read_as_one_that_was_learned_from(head: str, embedding: int) -> None:
    """What a model reads as it composes is, bitwise, what it reads of the piece once that is encoded to learn from."""
    torch.manual_seed(2)
    model = NoteLstmConfig(width=6, head=head, embedding=embedding).build(SPACE).eval()  # type: ignore[arg-type]
    one_after_another(model.head)
    fed = []
    scaled = model.scaled
    model.scaled = lambda notes: fed.append(scaled(notes)) or fed[-1]  # type: ignore[method-assign]
    representation = NoteFeaturesConfig().fit([])
    cursor, stop = representation.cursor(1), Stop(length=60)
    composed = sample(model, SPACE.empty(), cursor, SPACE, [5], Sampler(), stop)[0].array
    learned = representation.encode(representation.decode(composed)).array
    assert learned.dtype == composed.dtype and np.array_equal(learned, composed)
    assert len(np.unique(composed[:, 0])) > 20
    read = torch.cat(fed, 1)
    assert torch.equal(read[:, 1:], scaled(torch.from_numpy(learned[:-1])[None]))
    assert embedding or ((read[:, 1:, 0] >= 0) & (read[:, 1:, 0] < 1)).all()  # 128ths, not pitches


def one_after_another(head: torch.nn.Module) -> None:
    """Makes a head draw notes of about 0.1 s that are about 0.8 s apart."""
    with torch.no_grad():
        if isinstance(head, RegressionHead):
            head.numbers.bias.copy_(torch.tensor([0.8, 0.1, 0.5]))
            head.numbers.weight.mul_(0.2)
            return
        assert isinstance(head, MixtureHead)
        k = head.components
        for layers, count in ((head.step, 80), (head.duration, 10)):
            layers.last.weight.mul_(0.2)
            layers.last.bias[: -2 * k] = 0.0
            layers.last.bias[-2 * k : -k], layers.last.bias[-k:] = math.log(count), -3.0
        head.step.last.bias[0] = -50.0


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_bins_of_all_times_sum_to_one(zero: bool, seed: int) -> None:
    times = mixture(zero=zero, seed=seed)
    masses = times.log_prob(torch.arange(0 if zero else 1, 100_000).float()).double().exp()
    assert float(masses.sum()) == pytest.approx(1, abs=2e-5)


def test_the_mass_of_a_bin_is_the_difference_of_the_log_logistic_cdf() -> None:
    times = mixture(seed=3)
    shares = times.logits.double().softmax(-1).numpy()
    curves = [
        fisk(c=1 / s, scale=math.exp(m))
        for m, s in zip(times.middles.tolist(), times.scales.exp().tolist(), strict=True)
    ]
    for count in (1, 2, 3, 10, 57, 300):
        mass = [curve.cdf(count + 0.5) - (curve.cdf(count - 0.5) if count > 1 else 0) for curve in curves]
        assert float(times.log_prob(torch.tensor(float(count))).exp()) == pytest.approx(shares[1:] @ mass, rel=1e-4)
    assert float(times.log_prob(torch.tensor(0.0)).exp()) == pytest.approx(shares[0], rel=1e-5)


@pytest.mark.parametrize("count", [0.0, 1.0, 2.0, 2000.0, 7_200_000.0])
@pytest.mark.parametrize("scale", [-4.5, 2.0])
@pytest.mark.parametrize("middle", [-30.0, 3.0, 30.0])
def test_far_away_times_cost_much_but_never_nothing_that_is_a_number(count: float, scale: float, middle: float) -> None:
    given = [torch.tensor(v, requires_grad=True) for v in ([0.0, 0.0], [middle], [scale])]
    found = TimeMixture(*given).log_prob(torch.tensor(count))
    found.backward()
    assert -1e6 < found.item() < 0
    assert all(torch.isfinite(g.grad).all() for g in given)


def test_a_small_mass_keeps_its_digits_in_float32() -> None:
    """A bin that is 1e-4 of its place, far out on the tail: its mass is the density times its width."""
    count, middle, scale = 20_000.0, math.log(50), 0.4
    times = TimeMixture(torch.zeros(1), torch.tensor([middle]), torch.tensor([math.log(scale)]))
    z = (math.log(count) - middle) / scale
    expected = logistic.logpdf(z) - math.log(scale) - math.log(count)
    assert times.log_prob(torch.tensor(count)).item() == pytest.approx(expected, abs=1e-3)


def test_times_are_drawn_as_often_as_they_are_likely() -> None:
    times, rows = mixture(seed=1), 40_000
    every = TimeMixture(*(part.expand(rows, -1) for part in (times.logits, times.middles, times.scales)))
    u = uniforms(rows, 2)
    drawn = every.sample(u[:, :1], u[:, 1:], Filters(), 1)
    for count in range(12):
        chance = float(times.log_prob(torch.tensor(float(count))).exp())
        spread = math.sqrt(chance * (1 - chance) / rows)
        assert float((drawn == count).double().mean()) == pytest.approx(chance, abs=5 * spread + 1e-9)


def test_the_parts_are_a_chain_and_sum_to_the_whole() -> None:
    torch.manual_seed(1)
    head = MixtureHead(5, SPACE, 3)
    distribution = after_a_note(head, torch.randn(2, 3, 5))
    y = torch.tensor([60.0, 0.0, 0.5, 64.0]).expand(2, 3, 4)
    parts = distribution.parts(y)
    assert list(parts) == ["pitch", "step", "duration", "velocity"]
    assert torch.allclose(distribution.log_prob(y), -sum(parts.values()))  # type: ignore[arg-type]
    for feature, (name, value) in enumerate([("pitch", 61.0), ("step", 0.3), ("duration", 0.1), ("velocity", 65.0)]):
        changed = y.clone()
        changed[..., feature] = value
        after = distribution.parts(changed)
        same = [torch.equal(parts[key], after[key]) for key in parts]
        assert same == [True] * feature + [False] * (4 - feature), name  # each depends on those before, not after


def test_the_velocities_of_a_note_sum_to_one_and_so_do_its_pitches() -> None:
    torch.manual_seed(1)
    head, hidden = MixtureHead(5, SPACE, 3), torch.randn(1, 1, 5)
    for feature, name, values in ((0, "pitch", torch.arange(128)), (3, "velocity", torch.arange(1, 128))):
        y = torch.tensor([60.0, 0.0, 0.5, 64.0]).repeat(len(values), 1, 1)
        y[:, 0, feature] = values.float()
        every = after_a_note(head, hidden.expand(len(values), -1, -1))
        assert (-every.parts(y)[name]).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_mixture_can_tell_that_the_notes_of_a_chord_ascend() -> None:
    head = MixtureHead(2, SPACE, 2)
    with torch.no_grad():
        for parameter in head.step.parameters():
            parameter.zero_()
        head.step.first.weight[0, -1] = head.step.last.weight[0, 0] = 10.0  # a unit for "above the note before"
    y = torch.tensor([[[61.0, 0.0, 0.1, 9.0]], [[60.0, 0.0, 0.1, 9.0]], [[48.0, 0.0, 0.1, 9.0]]])
    above, same, below = after_a_note(head, torch.zeros(3, 1, 2)).parts(y)["step"][:, 0].tolist()
    assert above == pytest.approx(0, abs=1e-6)
    assert same == below == pytest.approx(math.log(3))
    with torch.no_grad():
        head.pitch.bias[64] = 100.0
        head.step.last.bias[1] = 5.0
    for before, chord in (([70.0, 60.0], True), ([60.0, 70.0], False)):  # the last note counts
        drawn = head(torch.zeros(1, 2, 2), torch.tensor(before).view(1, 2, 1)).sample(None, Filters())
        assert drawn[0, 0] == 64 and (drawn[0, 1] == 0) == chord


def test_notes_are_drawn_as_often_as_they_are_likely() -> None:
    """Of two pitches, and times of few bins: the share of each whole note beside its probability."""
    torch.manual_seed(4)
    coarse = Notes(resolution_s=0.5, velocity=False)
    head = MixtureHead(3, coarse, 2)
    with torch.no_grad():
        head.pitch.bias.fill_(-50)
        head.pitch.bias[[60, 67]] = 0
    rows = 40_000
    hidden = torch.randn(1, 1, 3)
    drawn = after_a_note(head, hidden.expand(rows, 1, 3)).sample(uniforms(rows, 5), Filters())
    distribution = after_a_note(head, hidden)
    notes, counts = drawn.unique(dim=0, return_counts=True)
    often = (counts > 400) & (notes[:, 1:] < LONGEST_S).all(-1)  # what is longer is drawn as the longest
    assert often.sum() >= 4
    for note, count in zip(notes[often], counts[often].tolist(), strict=True):
        chance = distribution.log_prob(note[None, None]).exp().item()
        assert count / rows == pytest.approx(chance, abs=5 * math.sqrt(chance / rows))


def test_each_feature_has_its_own_temperature() -> None:
    torch.manual_seed(1)
    head = MixtureHead(5, SPACE, 3)
    hidden = torch.randn(1, 1, 5).expand(300, 1, 5)
    u = uniforms(300, 6)
    for cold in range(4):
        drawn = after_a_note(head, hidden).sample(
            u, Heated(*(1e-4 if feature <= cold else 1.0 for feature in range(4)))
        )
        kinds = [len(drawn[:, feature].unique()) for feature in range(4)]
        assert kinds[: cold + 1] == [1] * (cold + 1) and all(kind > 5 for kind in kinds[cold + 1 :])


def test_a_temperature_spreads_times_about_their_middle() -> None:
    times = TimeMixture(torch.zeros(1, 1), torch.tensor([[math.log(100)]]), torch.tensor([[math.log(0.2)]]))
    upper = torch.full((1, 1), 0.9, dtype=torch.float64)
    for temperature in (0.5, 1.0, 2.0):
        expected = round(100 * math.exp(0.2 * temperature * math.log(9)))
        assert times.sample(upper, upper, Heated(1, temperature), 1).item() == expected
    assert times.sample(None, None, Heated(1, 2.0), 1).item() == 100


def test_no_draw_is_longer_than_the_longest() -> None:
    head = MixtureHead(2, PLAIN, 1)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        for layers in (head.step, head.duration):
            layers.last.bias[-2] = 40.0
        head.step.last.bias[0] = -50.0
    note = after_a_note(head, torch.zeros(1, 1, 2)).sample(uniforms(1, 5), Filters())[0]
    assert note[1:].tolist() == [LONGEST_S, LONGEST_S]


def test_without_numbers_the_likeliest_of_each_feature_is_taken() -> None:
    head = MixtureHead(2, SPACE, 2)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        head.pitch.bias[64] = head.velocity.last.bias[89] = 1.0
        head.step.last.bias[0] = head.duration.last.bias[1] = 1.0
        head.duration.last.bias[2:4] = torch.tensor([3.0, math.log(25)])
    note = after_a_note(head, torch.zeros(1, 1, 2)).sample(None, Filters())[0]
    assert note.tolist() == [64.0, 0.0, 0.25, 90.0]


def test_hits_are_likeliest_pitches() -> None:
    for head in (MixtureHead(2, SPACE, 1), RegressionHead(2, SPACE)):
        with torch.no_grad():
            head.pitch.weight.zero_()
            head.pitch.bias.zero_()
            head.pitch.bias[64] = 1.0
        y = torch.tensor([[[64.0, 0.1, 0.1, 9.0], [63.0, 0.1, 0.1, 9.0]]])
        assert after_a_note(head, torch.zeros(1, 2, 2)).hits(y).tolist() == [[True, False]]


def regression(numbers: list[float], space: Notes = SPACE) -> NoteRegression:
    logits = torch.zeros(1, 1, 128)
    logits[..., 60] = math.log(128)  # a little over half of the mass
    return NoteRegression(RegressionHead(2, space), logits, torch.tensor([[numbers]]))


def test_the_tutorials_losses_by_hand() -> None:
    distribution = regression([0.5, -0.2, 0.25])
    parts = distribution.parts(torch.tensor([[[60.0, 0.3, 0.1, 64.0]]]))
    assert {name: round(float(loss), 5) for name, loss in parts.items()} == {
        "pitch": round(-math.log(128 / 255), 5),
        "step": 0.04,
        "duration": 0.09 + 2.0,  # (0.1 + 0.2)², and ten times what lies below 0
        "velocity": 0.0625,
    }
    assert not distribution.complete
    assert distribution.log_prob(torch.tensor([[[60.0, 9.0, 9.0, 9.0]]])).item() == pytest.approx(math.log(128 / 255))


def test_regression_draws_the_pitch_and_takes_the_times_as_they_are() -> None:
    u = torch.tensor([[0.3]], dtype=torch.float64)  # 60/255 of the mass lies below pitch 60
    assert regression([0.254, 1.2, 0.5]).sample(u, Filters()).tolist() == [
        [60.0, float(np.float32(0.25)), float(np.float32(1.2)), 64.0]
    ]
    assert regression([-0.3, -0.2], PLAIN).sample(u, Filters()).tolist() == [[60.0, 0.0, float(np.float32(0.01))]]
    assert regression([99.0, 99.0, 3.0]).sample(u, Filters())[0, 1:].tolist() == [LONGEST_S, LONGEST_S, 127.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width must be 1 or more, got 0"),
        ({"layers": 0}, "layers must be 1 or more, got 0"),
        ({"components": 0}, "components must be 1 or more"),
        ({"embedding": -1}, "embedding must be 0 or more"),
        ({"head": "regresion"}, "did you mean regression"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        NoteLstmConfig(**settings)  # type: ignore[arg-type]
