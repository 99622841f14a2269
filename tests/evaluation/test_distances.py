"""How far sets of pieces lie apart: against closed forms, scipy's densities and slow loops."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from erato.evaluation import COLUMNS, distances
from erato.evaluation.densities import Distances, gap_of
from erato.evaluation.distances import apart, frechet_distance, interval

ONE = {"x": slice(0, 1)}


def compared(generated, held_out, training=None, columns=ONE, resamples=20, seed=0):
    found = distances(
        np.asarray(generated), np.asarray(held_out), training, columns=columns, rng=np.random.default_rng(seed),
        resamples=resamples,
    )  # fmt: skip
    assert found == json.loads(json.dumps(found, allow_nan=False))
    return found


def column(values):
    return np.asarray(values, float)[:, None]


def normal(count, seed, mean=0.0, width=1.0, features=1):
    return np.random.default_rng(seed).normal(mean, width, (count, features))


def points(values):
    """A set of distances that are what one says, each once: from one piece to as many."""
    return Distances(np.asarray(values, float)[None], np.ones((1, 1)), np.ones((1, len(values))))


def inside(interval):
    return interval["low"] <= interval["value"] <= interval["high"] and interval["low"] < interval["high"]


def naive(a, b):
    """Overlap and divergence of two sets of numbers by scipy's densities on a common grid."""
    first, second = stats.gaussian_kde(a), stats.gaussian_kde(b)
    reach = 5 * max(np.std(a), np.std(b))
    at = np.linspace(min(*a, *b) - reach, max(*a, *b) + reach, 20_001)
    p, q = first(at), second(at)
    some = p > 1e-12
    return np.trapezoid(np.minimum(p, q), at), np.trapezoid(
        np.where(some, p * np.log(p / np.maximum(q, 1e-300)), 0), at
    )


@pytest.mark.parametrize("shift", [0.0, 0.7, 1.5])
def test_the_gap_of_two_gaussians_is_the_closed_form(shift):
    """Means `shift` apart, width 1: the overlap is 2 Phi(-shift / 2), the divergence shift² / 2."""
    grid = stats.norm.ppf((np.arange(40_000) + 0.5) / 40_000)
    gap = gap_of(points(grid + 10), points(grid + 10 + shift))
    assert gap.overlap[0] == pytest.approx(2 * stats.norm.cdf(-shift / 2), abs=0.005)
    assert gap.kl[0] == pytest.approx(shift**2 / 2, abs=0.005, rel=0.01)
    far = gap_of(points(grid + 10), points(grid + 13))
    assert far.overlap[0] == pytest.approx(2 * stats.norm.cdf(-3 / 2), abs=0.005)


def test_the_divergence_is_from_the_first_to_the_second():
    """Of widths 1 and s: log s + 1 / (2 s²) - 1 / 2 one way, -log s + s² / 2 - 1 / 2 the other."""
    grid = stats.norm.ppf((np.arange(40_000) + 0.5) / 40_000)
    narrow, wide = points(grid + 20), points(1.3 * grid + 20)
    assert gap_of(narrow, wide).kl[0] == pytest.approx(math.log(1.3) + 1 / (2 * 1.69) - 1 / 2, rel=0.03)
    assert gap_of(wide, narrow).kl[0] == pytest.approx(-math.log(1.3) + 1.69 / 2 - 1 / 2, rel=0.05)


@pytest.mark.parametrize(("count", "others"), [(30, 40), (4, 5)])
def test_pieces_against_densities_of_scipy(count, others):
    generated, held_out = normal(count, 1, 0.5, 1.5), normal(others, 2)
    inter = [abs(a - b) for a in generated[:, 0] for b in held_out[:, 0]]
    intra = [abs(held_out[i, 0] - held_out[j, 0]) for i in range(others) for j in range(i)]
    overlap, kl = naive(intra, inter)
    found = compared(generated, held_out)["features"]["x"]
    assert found["overlap"]["value"] == pytest.approx(overlap, abs=1e-3)
    assert found["kl"]["value"] == pytest.approx(kl, abs=1e-3, rel=1e-2)
    assert inside(found["overlap"]) and inside(found["kl"])


def test_the_literal_variant_is_what_mgeval_computes():
    generated, held_out = normal(25, 3, 0.5, 1.5), normal(30, 4)
    inter = np.array([abs(a - b) for a in generated[:, 0] for b in held_out[:, 0]])
    intra = np.array([abs(held_out[i, 0] - held_out[j, 0]) for i in range(30) for j in range(30) if i != j])
    first, second = stats.gaussian_kde(intra), stats.gaussian_kde(inter)
    ends = min(intra.min(), inter.min()), max(intra.max(), inter.max())
    at = np.linspace(*ends, 5000)
    overlap = np.trapezoid(np.minimum(first(at), second(at)), at)
    grids = [np.linspace(each.min(), each.max(), 1000) for each in (intra, inter)]
    kl = stats.entropy(first(grids[0]), second(grids[1]))
    found = compared(generated, held_out)["features"]["x"]
    assert found["literal"]["overlap"] == pytest.approx(overlap, abs=2e-3)
    assert found["literal"]["kl"] == pytest.approx(kl, rel=2e-2)
    assert found["literal"]["overlap"] < found["overlap"]["value"] - 0.02  # its area ends at the distances


def test_a_resample_is_what_the_pieces_drawn_give():
    """Weights are as good as copies, but that a piece and its copy have no distance."""
    one, other = normal(6, 5), normal(7, 6)
    times, others = np.array([2, 0, 1, 3, 0, 0]), np.array([1, 2, 0, 0, 3, 1, 0])
    weights, their = times[None].astype(float), others[None].astype(float)
    gap = gap_of(
        Distances(apart(other, other), their, their, within=True), Distances(apart(one, other), weights, their)
    )
    copies, theirs = np.repeat(one[:, 0], times), np.repeat(np.arange(7), others)
    inter = [abs(a - other[j, 0]) for a in copies for j in theirs]
    intra = [
        abs(other[theirs[i], 0] - other[theirs[j], 0])
        for i in range(len(theirs)) for j in range(i) if theirs[i] != theirs[j]
    ]  # fmt: skip
    overlap, kl = naive(intra, inter)
    assert gap.overlap[0] == pytest.approx(overlap, abs=2e-3)
    assert gap.kl[0] == pytest.approx(kl, rel=1e-2)


def test_sets_that_are_alike_overlap_and_those_apart_do_not():
    held_out = normal(60, 7)
    same = compared(held_out, held_out)["features"]["x"]
    assert same["overlap"]["value"] > 0.97 and same["kl"]["value"] < 0.01
    far = compared(held_out + 100, held_out)["features"]["x"]
    assert far["overlap"]["value"] < 1e-6
    assert 10 < far["kl"]["value"] < 25  # finite, whatever lies between
    assert same["reason"] is None and far["reason"] is None


def test_an_interval_is_moved_onto_its_value():
    values = np.array([0.9, *np.linspace(0.5, 0.7, 101)])
    assert interval(values) == pytest.approx({"value": 0.9, "low": 0.805, "high": 0.995}, abs=0.003)
    assert interval(values, highest=0.95)["high"] == 0.95
    assert interval(np.array([0.1, *np.linspace(0.5, 0.9, 101)]))["low"] == 0
    assert interval(np.array([0.9, np.nan, np.nan, 0.5])) == {"value": 0.9, "low": None, "high": None}
    assert interval(np.array([np.inf, 1, 2, 3])) == {"value": None, "low": None, "high": None}
    assert interval(np.array([1.0])) == {"value": 1, "low": None, "high": None}


def test_intervals_are_as_wide_as_chance_makes_the_value():
    """The spread of the value over fresh draws of pieces, beside the width of one interval."""
    values = [compared(normal(40, 2 * s, 0.8), normal(40, 2 * s + 1))["features"]["x"] for s in range(10, 50)]
    truth = np.median([each["overlap"]["value"] for each in values])
    spread = np.std([each["overlap"]["value"] for each in values])
    found = [compared(normal(40, 2 * s, 0.8), normal(40, 2 * s + 1), resamples=100) for s in range(10, 30)]
    ends = [each["features"]["x"]["overlap"] for each in found]
    assert np.mean([end["high"] - end["low"] for end in ends]) == pytest.approx(2 * 1.96 * spread, rel=0.4)
    assert sum(end["low"] <= truth <= end["high"] for end in ends) >= 16  # of 20


def test_matrices_are_compared_by_euclidean_distance():
    generated, held_out = normal(12, 8, features=5), normal(13, 9, features=5)
    found = apart(generated, held_out)
    slow = [[math.dist(a, b) for b in held_out] for a in generated]
    np.testing.assert_allclose(found, slow)
    whole = compared(generated, held_out, columns={"m": slice(0, 5)})["features"]["m"]
    intra = [math.dist(held_out[i], held_out[j]) for i in range(13) for j in range(i)]
    assert whole["overlap"]["value"] == pytest.approx(naive(intra, np.ravel(slow))[0], abs=1e-3)
    assert "mean" not in whole
    shifted = compared(generated, held_out, columns={"m": slice(1, 3)})["features"]["m"]
    assert shifted == compared(generated[:, 1:3], held_out[:, 1:3], columns={"m": slice(0, 2)})["features"]["m"]


def test_the_floor_is_the_same_figure_of_as_many_training_pieces():
    held_out, training = normal(30, 10), normal(200, 11)
    found = compared(normal(20, 12, 1.0), held_out, training)
    assert found["pieces"] == {"generated": 20, "held_out": 30, "training": 20}
    x, floor = found["features"]["x"], found["features"]["x"]["floor"]
    assert floor["overlap"]["value"] > x["overlap"]["value"] + 0.05 and floor["kl"]["value"] < x["kl"]["value"]
    assert inside(floor["overlap"]) and floor["reason"] is None
    assert 0 <= found["frechet"]["floor"]["value"] < found["frechet"]["value"]
    # All of the training pieces where they are fewer: then the floor is what they would get if they were generated.
    few = compared(normal(20, 12), held_out, training[:9])
    alone = compared(training[:9], held_out)
    assert few["pieces"]["training"] == 9
    for name in ("overlap", "kl"):
        ours, theirs = few["features"]["x"]["floor"][name]["value"], alone["features"]["x"][name]["value"]
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert few["frechet"]["floor"]["value"] == pytest.approx(alone["frechet"]["value"])
    assert compared(held_out, held_out)["features"]["x"]["floor"] is None


def test_the_same_numbers_for_the_same_generator_alone():
    generated, held_out, training = normal(9, 13), normal(10, 14), normal(50, 15)
    first = compared(generated, held_out, training, seed=3)
    assert first == compared(generated, held_out, training, seed=3)
    other = compared(generated, held_out, training, seed=4)
    assert first["features"]["x"]["overlap"]["value"] == other["features"]["x"]["overlap"]["value"]
    assert first["features"]["x"]["overlap"]["low"] != other["features"]["x"]["overlap"]["low"]


@pytest.mark.parametrize(("count", "others"), [(0, 5), (1, 5), (5, 0), (5, 1), (5, 2), (0, 0)])
def test_too_few_pieces_have_no_value_and_a_reason(count, others):
    found = compared(normal(count, 16), normal(others, 17), normal(4, 18))
    x = found["features"]["x"]
    assert x["overlap"] == x["kl"] == {"value": None, "low": None, "high": None}
    assert f"{count} of the generated" in x["reason"] if count < 2 else f"{others} of the held-out" in x["reason"]
    if count < 2 or others < 2:
        assert found["frechet"]["value"] is None
        assert "at least 2 are needed" in found["frechet"]["reason"]
    nothing = distances(np.array([]), np.array([]), np.array([]), columns=ONE, rng=np.random.default_rng(0))
    assert nothing["features"]["x"]["overlap"]["value"] is None


def test_two_generated_and_three_held_out_pieces_are_enough():
    found = compared(normal(2, 19), normal(3, 20), normal(1, 21), resamples=100)
    assert 0 < found["features"]["x"]["overlap"]["value"] < 1
    assert found["features"]["x"]["floor"]["overlap"]["value"] is None
    assert found["frechet"]["floor"] is None


def test_a_feature_that_does_not_vary_is_one_point():
    ones, varied = np.ones((5, 1)), normal(5, 22)
    same = compared(ones, ones)
    assert same["features"]["x"]["overlap"] == {"value": 1, "low": 1, "high": 1}
    assert same["features"]["x"]["kl"] == {"value": 0, "low": 0, "high": 0}
    assert same["frechet"]["value"] is None and "no feature" in same["frechet"]["reason"]
    for generated, held_out in ((varied, ones), (ones * 2, ones)):
        found = compared(generated, held_out)["features"]["x"]
        assert found["overlap"]["value"] == 0 and found["kl"]["value"] is None
        assert "all the same" in found["reason"]
        assert found["literal"] == {"overlap": None, "kl": None}
    assert 0 < compared(ones, varied)["features"]["x"]["overlap"]["value"] < 1  # the distances do vary
    tenths = column([0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2])  # but for the last digit
    assert compared(tenths, tenths)["frechet"]["value"] is None


def test_pieces_without_a_feature_are_left_out_of_it_and_counted():
    generated, held_out, training = (normal(count, 23 + count, features=2) for count in (12, 15, 12))
    generated[[2, 5], 0] = np.nan
    held_out[3, 0] = np.inf
    columns = {"x": slice(0, 1), "y": slice(1, 2)}
    found = compared(generated, held_out, training, columns)["features"]
    assert found["x"]["left_out"] == {"generated": 2, "held_out": 1, "training": 0}
    assert found["y"]["left_out"] == {"generated": 0, "held_out": 0, "training": 0}
    without = compared(np.delete(generated, [2, 5], 0)[:, :1], np.delete(held_out, 3, 0)[:, :1])["features"]["x"]
    for name in ("overlap", "kl"):
        assert found["x"][name]["value"] == pytest.approx(without[name]["value"], abs=1e-3)
    assert found["x"]["mean"]["generated"] == pytest.approx(np.nanmean(generated[:, 0]))
    assert found["x"]["std"]["generated"] == pytest.approx(np.nanstd(generated[:, 0], ddof=1))
    none = compared(np.full((4, 1), np.nan), held_out[:, 1:])
    assert "0 of the generated" in none["features"]["x"]["reason"] and none["frechet"]["value"] is None


def test_the_frechet_distance_of_gaussians_is_the_closed_form():
    mean, other = np.array([[0.0, 1.0]]), np.array([[3.0, 5.0]])
    diagonal = np.diag([4.0, 9.0])[None], np.diag([1.0, 16.0])[None]
    wanted = 9 + 16 + (2 - 1) ** 2 + (3 - 4) ** 2
    assert frechet_distance(mean, diagonal[0], other, diagonal[1])[0] == pytest.approx(wanted)
    turn = np.array([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])
    turned = [turn @ each @ turn.T for each in diagonal]
    assert frechet_distance(mean @ turn.T, turned[0], other @ turn.T, turned[1])[0] == pytest.approx(wanted)
    flat = np.diag([1.0, 0.0])[None], np.diag([0.0, 1.0])[None]  # singular, and at right angles
    assert frechet_distance(mean, flat[0], mean, flat[1])[0] == pytest.approx(2)
    # Matrices that do not commute: against the square root of the product itself.
    from scipy.linalg import sqrtm

    one, two = (normal(9, seed, features=3) for seed in (30, 31))
    first, second = np.cov(one.T), np.cov(two.T)
    trace = np.trace(first + second - 2 * sqrtm(first @ second).real)
    zero = np.zeros((1, 3))
    assert frechet_distance(zero, first[None], zero, second[None])[0] == pytest.approx(trace)
    nan = np.full((1, 3, 3), np.nan)
    assert math.isnan(frechet_distance(zero, nan, zero, second[None])[0])


def test_the_frechet_distance_of_pieces():
    """Features are counted in standard deviations of the held-out pieces."""
    columns = {"x": slice(0, 1), "m": slice(1, 3), "y": slice(3, 4)}
    held_out, generated = normal(300, 32, features=4) * [1, 1, 1, 50], normal(300, 33, features=4) * [1, 1, 1, 100]
    generated[:, 0] += 2
    found = compared(generated, held_out, columns=columns)["frechet"]
    assert found["features"] == ["x", "y"]  # one number each
    assert found["value"] == pytest.approx(2**2 + (2 - 1) ** 2, rel=0.15)
    assert inside(found)
    few, others = generated[:5, [0, 3]], held_out[:4, [0, 3]]
    centre, scale = others.mean(0), others.std(0, ddof=1)
    one, other = (few - centre) / scale, (others - centre) / scale
    slow = frechet_distance(one.mean(0)[None], np.cov(one.T)[None], np.zeros((1, 2)), np.cov(other.T)[None])[0]
    two = {"x": slice(0, 1), "y": slice(1, 2)}
    assert compared(few, others, columns=two)["frechet"]["value"] == pytest.approx(slow)


def test_the_frechet_distance_leaves_out_what_many_pieces_lack():
    columns = {"x": slice(0, 1), "y": slice(1, 2), "z": slice(2, 3)}
    generated, held_out = normal(20, 34, features=3), normal(20, 35, features=3)
    generated[:5, 1] = np.nan
    held_out[0, 2] = np.nan
    found = compared(generated, held_out, columns=columns)["frechet"]
    assert found["features"] == ["x", "z"]
    assert found["left_out"] == {"generated": 0, "held_out": 1}
    apart = compared(generated[:, [0, 2]], held_out[1:][:, [0, 2]], columns={"x": slice(0, 1), "z": slice(1, 2)})
    assert found["value"] == pytest.approx(apart["frechet"]["value"])
    constant = held_out.copy()
    constant[:, 0] = 7
    assert compared(generated, constant, columns=columns)["frechet"]["features"] == ["z"]


def test_more_features_than_pieces_have_a_distance():
    columns = {f"x{n}": slice(n, n + 1) for n in range(8)}
    found = compared(normal(4, 36, features=8), normal(5, 37, features=8), normal(4, 38, features=8), columns)[
        "frechet"
    ]
    assert inside(found) and inside(found["floor"])


def test_whole_rows_of_music_are_compared():
    rows = np.abs(normal(7, 39, features=max(where.stop for where in COLUMNS.values())))
    found = compared(rows[:3], rows[3:], rows[:4], COLUMNS, resamples=5)
    assert [*found["features"]] == [*COLUMNS]
    assert all(0 <= each["overlap"]["value"] <= 1 for each in found["features"].values())
