"""Latents: which seed decides what, arithmetic, the way between two, and files that are damaged."""

import math
import zlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from erato.errors import UsageError
from erato.sampling import Latents

SHAPES = {"chords": (8,), "style": (8,), "melody": (3, 8), "groove": (3, 8)}


def draw(n=2, seed=5, seeds=None, **settings):
    return Latents.draw(SHAPES, n, seed, seeds, **settings)


def changed(a, b):
    """The parts that differ, and of those with tracks which tracks."""
    found = {}
    for name in SHAPES:
        if SHAPES[name][1:]:
            tracks = [k for k in range(3) if not torch.equal(a[name][:, k], b[name][:, k])]
            if tracks:
                found[name] = tracks
        elif not torch.equal(a[name], b[name]):
            found[name] = True
    return found


def test_the_numbers_are_those_of_the_stream_of_their_part_and_track():
    latents = draw(n=3, seed=5, seeds={"melody": [None, 9, None]})
    assert {name: tuple(part.shape) for name, part in latents.items()} == {n: (3, *s) for n, s in SHAPES.items()}
    assert all(part.dtype == torch.float32 for part in latents.values())

    def stream(seed, name, track, n):
        key = np.array([seed, 2**63 + 2**16 * zlib.crc32(name.encode()) + track], np.uint64)
        return np.random.Generator(np.random.Philox(key=key)).standard_normal((n, 8)).astype(np.float32)

    assert np.array_equal(latents["chords"].numpy(), stream(5, "chords", 0, 3))
    assert np.array_equal(latents["melody"][:, 1].numpy(), stream(9, "melody", 1, 3))
    assert np.array_equal(latents["melody"][:, 2].numpy(), stream(5, "melody", 2, 3))
    assert np.array_equal(latents["groove"][2, 2].numpy(), stream(5, "groove", 2, 1)[0])


def test_these_are_the_numbers_of_every_machine():
    assert draw(n=1)["chords"][0, :3].tolist() == pytest.approx(FIRST, abs=0)


FIRST = [-2.345536470413208, -1.3336126804351807, 0.41587021946907043]


def test_they_are_normal_and_all_streams_differ():
    latents = draw(n=4000, kept=())
    columns = torch.cat([part.flatten(1) for part in latents.values()], 1)  # [4000, 64]
    assert abs(columns.mean()) < 0.01 and abs(columns.std() - 1) < 0.01
    correlations = torch.corrcoef(columns.T) - torch.eye(64)
    assert correlations.abs().max() < 0.08


def test_phrases_have_chords_and_melodies_of_their_own_and_share_style_and_groove():
    latents = draw(n=3)
    for name in ("style", "groove"):
        assert torch.equal(latents[name][0], latents[name][1]) and torch.equal(latents[name][0], latents[name][2])
    for name in ("chords", "melody"):
        assert not torch.equal(latents[name][0], latents[name][1])
    afresh = draw(n=3, kept=())
    assert not torch.equal(afresh["style"][0], afresh["style"][1])
    assert torch.equal(afresh["style"][0], latents["style"][0])


def test_a_phrase_is_the_same_however_many_there_are():
    assert draw(n=7).take([0, 1]) == draw(n=2)
    assert draw(n=7, kept=()).take([0, 1]) == draw(n=2, kept=())


def test_a_seed_of_one_part_or_track_changes_only_that():
    before = draw()
    for name in ("chords", "style"):
        assert changed(before, draw(seeds={name: 6})) == {name: True}
    for name in ("melody", "groove"):
        assert changed(before, draw(seeds={name: 6})) == {name: [0, 1, 2]}
        for track in range(3):
            seeds = [6 if k == track else None for k in range(3)]
            assert changed(before, draw(seeds={name: seeds})) == {name: [track]}
    assert draw(seeds=dict.fromkeys(SHAPES, 5)) == before == draw(seed=9, seeds=dict.fromkeys(SHAPES, 5))
    assert draw(seeds={"melody": [5, 5, 5]}) == draw(seeds={"melody": [5]}) == before
    assert draw(seeds={"melody": None}) == before


@pytest.mark.parametrize(
    ("n", "seeds", "said"),
    [
        (2, {"melody": [1, 2]}, "melody takes one seed, or 3, one a track, got 2"),
        (2, {"chords": [1, 2, 3]}, "chords takes one seed, got 3"),
        (2, {"style": -1}, "from 0 to 2^63 - 1, got -1 for style"),
        (2, {"groove": [1, 2**63, 3]}, f"from 0 to 2^63 - 1, got {2**63} for groove"),
        (2, {"melodie": 1}, "did you mean melody"),
        (0, {}, "at least 1 phrase to draw latents for, got 0"),
    ],
)
def test_seeds_that_do_not_fit_are_refused(n, seeds, said):
    with pytest.raises(UsageError) as error:
        draw(n=n, seeds=seeds)
    assert said in str(error.value)


def test_arithmetic_is_part_by_part():
    a, b = draw(seed=1), draw(seed=2)
    for name in SHAPES:
        assert torch.equal((a + b)[name], a[name] + b[name])
        assert torch.equal((a - b)[name], a[name] - b[name])
        assert torch.equal((a * 0.5)[name], a[name] * 0.5)
    assert 0.5 * a == a * 0.5
    assert (a + b.take([0])).take([1])["chords"].equal(a["chords"][1:] + b["chords"][:1])
    with pytest.raises(UsageError, match="of 2 and of 3 phrases"):
        a + draw(n=3)
    with pytest.raises(UsageError, match="other parts"):
        a + Latents({"chords": torch.zeros(2, 8)})
    with pytest.raises(UsageError, match="finite"):
        a * math.nan


def test_slerp_is_the_formula():
    a, b = draw(seed=1), draw(seed=2)
    middle = a.slerp(b, 0.3)
    for name in SHAPES:
        for x, y, found in zip(
            *(part[name].reshape(-1, 8).double().numpy() for part in (a, b, middle)), strict=True
        ):  # vector by vector: sin((1 - t) w) / sin(w) x' + sin(t w) / sin(w) y', times the norm between
            p, q = x / np.linalg.norm(x), y / np.linalg.norm(y)
            angle = math.acos(float(p @ q))
            direction = (math.sin(0.7 * angle) * p + math.sin(0.3 * angle) * q) / math.sin(angle)
            expected = (0.7 * np.linalg.norm(x) + 0.3 * np.linalg.norm(y)) * direction
            assert found == pytest.approx(expected, abs=1e-5)
    assert a.slerp(b, 0) == a and a.slerp(b, 1) == b and a.slerp(b, 1.0) == b


def test_slerp_of_vectors_on_one_line():
    x = torch.tensor([[3.0, 4.0, 0.0]])

    def between(y, t):
        return Latents({"chords": x}).slerp(Latents({"chords": y}), t)["chords"][0].tolist()

    assert between(x, 0.4) == pytest.approx([3, 4, 0], abs=1e-5)
    assert between(3 * x, 0.5) == pytest.approx([6, 8, 0], abs=1e-5)
    assert between(0 * x, 0.5) == pytest.approx([1.5, 2, 0], abs=1e-5)
    half = between(-x, 0.5)  # a quarter of the way round, at right angles, as long as both
    assert np.linalg.norm(half) == pytest.approx(5) and abs(3 * half[0] + 4 * half[1]) < 1e-4
    small = torch.tensor([[1.0, 1e-20, 0.0]])
    assert between(small, 1) == small[0].tolist()  # to the last bit, whatever rounding makes of the formula
    almost = between(-x, 1 - 1e-9)
    assert almost == pytest.approx([-3, -4, 0], abs=1e-4)


def test_replace_take_and_concatenate():
    a, b = draw(seed=1), draw(seed=2)
    assert changed(a, a.replace(melody=b["melody"])) == {"melody": [0, 1, 2]}
    one = a.replace(style=torch.ones(8))
    assert torch.equal(one["style"], torch.ones(2, 8)) and changed(a, one) == {"style": True}
    with pytest.raises(UsageError, match=r"style is of shape \(2, 8\), got \(3,\)"):
        a.replace(style=torch.ones(3))
    with pytest.raises(UsageError, match="did you mean style"):
        a.replace(styl=torch.ones(8))
    both = Latents.concatenate([a, b])
    assert both.phrases == 4 and both.take([0, 1]) == a and both.take([3, 2]) == b.take([1, 0])
    with pytest.raises(UsageError, match="at least one"):
        Latents.concatenate([])
    with pytest.raises(UsageError, match="other parts"):
        Latents.concatenate([a, Latents({"style": torch.zeros(1, 8)})])


def test_what_is_handed_in_is_copied_and_equality_is_of_numbers():
    part = torch.zeros(1, 4)
    latents = Latents({"chords": part})
    part += 1
    assert latents == Latents({"chords": torch.zeros(1, 4)})
    assert latents != Latents({"chords": torch.ones(1, 4)}) and latents != Latents({"style": torch.zeros(1, 4)})
    assert latents != Latents({"chords": torch.zeros(2, 4)}) and latents != "latents"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "at least one part"),
        ({"chords": torch.zeros(2, 8), "style": torch.zeros(3, 8)}, "equal phrases"),
        ({"chords": torch.zeros(2)}, "[phrases, *shape]"),
        ({"chords": torch.zeros(0, 8)}, "[phrases, *shape]"),
        ({"chords": torch.tensor([[1.0, math.inf]])}, "those of chords are not"),
    ],
)
def test_what_are_no_latents_is_refused(parts, said):
    with pytest.raises(UsageError) as error:
        Latents(parts)
    assert said in str(error.value)


def test_saved_latents_are_the_same_when_loaded(tmp_path):
    latents = draw(n=3)
    path = latents.save(tmp_path / "new" / "piece.latents.safetensors")
    assert Latents.load(path) == latents == Latents.load(str(path), SHAPES)
    assert list(Latents.load(path, SHAPES)) == list(SHAPES)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    draw(n=1).save(path)
    assert Latents.load(path) == draw(n=1)


def test_files_that_are_no_latents_are_refused_by_name(tmp_path):
    def refused(path, shapes=None):
        with pytest.raises(UsageError) as error:
            Latents.load(path, shapes)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
        return str(error.value)

    path = tmp_path / "a.safetensors"
    assert "there is no file" in refused(path)
    path.write_bytes(b"")
    assert "not a file of latents" in refused(path)
    whole = draw().save(path).read_bytes()
    path.write_bytes(whole[:-7])
    assert "not a file of latents" in refused(path)
    path.write_bytes(whole)
    assert "other parts" in refused(path, {**SHAPES, "melody": (4, 8)})
    assert "other parts" in refused(path, {"chords": (8,)})
    save_file({"chords": torch.zeros(2, 8, dtype=torch.float64)}, path)
    assert "float32" in refused(path)
    save_file({"chords": torch.full((2, 8), math.nan)}, path)
    assert "finite" in refused(path)
    save_file({}, path)
    assert "at least one part" in refused(path)
