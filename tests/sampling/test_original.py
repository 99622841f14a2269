"""No melody has more notes in a row than allowed in common with a training melody, however a piece is composed."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from symusic import Note, Score, TimeSignature, Track
from torch import Tensor

from erato.composing import compose_after
from erato.errors import UsageError
from erato.models import Categorical, SequenceModel
from erato.models.base import Distribution, Filters, drawn, masked
from erato.models.frame_heads import Bernoulli
from erato.models.pianonet import Bit
from erato.passages import NO_TOKEN, Line, lines, tokens
from erato.recipes import TINY
from erato.representations import (
    KeystatesConfig,
    NoteChords,
    NoteChordsConfig,
    NoteFeaturesConfig,
    PerformanceConfig,
    PianorollConfig,
    RemiConfig,
)
from erato.representations.base import Bits, Frames, Notes, Space, Tokens
from erato.sampling import Beams, Draft, Familiar, Sampler, Stop, familiar
from erato.sampling.original import Growth, Refused, rhythm


def piece(seed: int = 0, bars: int = 12) -> Score:
    """A melody of eighths and quarters, with a bass in chords, and drums; deterministic."""
    rng = np.random.default_rng(seed)
    score = Score(480)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    melody, bass, drums = Track("Melody", 0, False), Track("Bass", 32, False), Track("Drums", 0, True)
    time, pitch = 0, 67
    while time < 1920 * bars:
        length = int(rng.choice([240, 240, 480, 720]))
        pitch = int(np.clip(pitch + rng.choice([-3, -2, -1, 1, 2, 4]), 60, 79))
        melody.notes.append(Note(time, length, pitch, 80))
        time += length
    for beat in range(0, 4 * bars, 2):
        root = int(rng.integers(40, 50))
        bass.notes.extend([Note(480 * beat, 960, root, 64), Note(480 * beat, 960, root + 7, 64)])
        drums.notes.append(Note(480 * beat, 240, 36, 90))
    score.tracks.extend([melody, bass, drums])
    return score


def melody_grams(scores: Sequence[Score], notes: int) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """All passages of so many notes of all melodies, by their intervals and their rhythms: one note after another."""
    found = set()
    for score in scores:
        for line in lines(score):
            if not line.melody:
                continue
            onset, pitch = line.onset.tolist(), line.pitch.tolist()
            for begin in range(len(pitch) - notes + 1):
                part = range(begin, begin + notes)
                intervals = tuple(pitch[at + 1] - pitch[at] for at in part[:-1])
                steps = [onset[at + 1] - onset[at] for at in part[:-1]]
                ratios = [math.log2(b / a) for a, b in itertools.pairwise(steps)]
                found.add((intervals, tuple(max(-2, min(2, round(ratio))) for ratio in ratios)))
    return found


def known_of(scores: Sequence[Score], notes: int) -> Familiar:
    """What `Run.known` makes of these pieces."""
    parts = [
        part
        for score in scores
        for line in lines(score)
        if line.melody
        for part in (line.tokens, np.array([NO_TOKEN], np.int16))
    ]
    return familiar(np.concatenate(parts), notes)


class Pitches(Distribution):
    """Notes whose pitches are drawn, and whose other features [B, T, F - 1] are as they are said."""

    n_uniforms = 1

    def __init__(self, logits: Tensor, rest: Tensor) -> None:
        self.logits, self.rest = logits, rest

    def log_prob(self, y: Tensor) -> Tensor:
        return self.logits.log_softmax(-1).gather(-1, y[..., :1].long()).squeeze(-1)

    def hits(self, y: Tensor) -> Tensor:
        return self.logits.argmax(-1) == y[..., 0]

    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        pitch = drawn(filters(masked(self.logits[:, -1], filters.allowed), 0), u)
        return torch.cat((pitch[:, None].float(), self.rest[:, -1]), 1)


class Copier(SequenceModel):
    """Knows one piece by heart, and goes on with its symbol of the same place: as likely as `sure` says, in logits."""

    def __init__(self, array: np.ndarray, space: Space, sure: float = 14.0) -> None:
        super().__init__()
        self.target = torch.from_numpy(np.concatenate([array] * 20)).float()
        self.space, self.sure = space, sure

    def start(self, batch: int) -> Tensor:
        return torch.zeros(batch, 1, dtype=torch.long)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Distribution, Tensor]:
        places = state + torch.arange(x.shape[1])
        target = self.target[places]
        after = state + x.shape[1]
        if isinstance(self.space, Tokens):
            return Categorical(torch.nn.functional.one_hot(target.long(), self.space.size) * self.sure), after
        if isinstance(self.space, Frames):
            return Bernoulli((target * 2 - 1) * self.sure), after
        if isinstance(self.space, Bits):
            return Bit((target * 2 - 1) * self.sure, places[0], self.space.keys), after
        assert isinstance(self.space, Notes)
        return Pitches(torch.nn.functional.one_hot(target[..., 0].long(), 128) * self.sure, target[..., 1:]), after


CONFIGS = {
    "remi": RemiConfig(),
    "remi, fine": RemiConfig(steps_per_quarter=48),  # onsets a step apart are one
    "performance": PerformanceConfig(),
    "note_chords": NoteChordsConfig(),
    "note_chords, random": NoteChordsConfig(advance="random"),
    "note_chords, learnt": NoteChordsConfig(advance="learnt"),
    "note_features": NoteFeaturesConfig(),
    "pianoroll": PianorollConfig(step_beats=0.25),
    "pianoroll, onsets": PianorollConfig(step_beats=0.25, onsets=True),
    "keystates": KeystatesConfig(steps_per_beat=4, min_key_index=36, num_keys=48),
    "keystates, fine": KeystatesConfig(min_key_index=36, num_keys=48),
}
LENGTHS = {"keystates": 3000, "keystates, fine": 15_000, "performance": 200, "remi": 150, "remi, fine": 150}


@pytest.fixture(scope="module", params=CONFIGS)
def heart(request):
    """A representation, a piece in its symbols, and the piece as it is written."""
    representation = CONFIGS[request.param].fit([piece()])
    array = representation.encode(piece()).array
    end = representation.space.end
    array = array[:-1] if end is not None else array
    return representation, array, representation.decode(array), LENGTHS.get(request.param, 100)


def compose(heart, notes, seeds=(0, 1), prompt=None, include=True, sure=14.0, model=None, **how):
    representation, array, written, length = heart
    space = representation.space
    known = None if notes is None else known_of([written], notes)
    if isinstance(space, Bits):
        how.setdefault("draft", Draft())
    given = space.empty() if prompt is None else prompt
    model = model or Copier(array, space, sure)
    sampler = how.pop("sampler", Sampler())
    stop = Stop(length=how.pop("length", length))
    return compose_after(given, model, representation, seeds, sampler, stop, include, known=known, **how)


def test_who_knows_a_piece_by_heart_copies_it_and_is_kept_from_that(heart):
    for notes in (4, 8):
        forbidden = melody_grams([heart[2]], notes + 1)
        free, kept = compose(heart, None), compose(heart, notes)
        assert all(melody_grams([one.piece], notes + 1) & forbidden for one in free)
        for one in kept:
            assert not melody_grams([one.piece], notes + 1) & forbidden
            assert melody_grams([one.piece], notes) & melody_grams([heart[2]], notes)  # and not more than that
            assert one.refused.draws > 0 and one.refused.forced == 0
        assert all(one.refused is None for one in free)


def test_a_piece_alone_is_the_piece_among_others(heart):
    together = compose(heart, 4, seeds=(5, 6, 7), sure=7.0)
    (alone,) = compose(heart, 4, seeds=(6,), sure=7.0)
    assert np.array_equal(together[1].array, alone.array)
    assert together[1].refused == alone.refused
    assert len({one.array.tobytes() for one in together}) == 3


def test_a_prompt_that_is_a_training_piece_is_not_gone_on_with(heart):
    representation, array, written, _length = heart
    begin = len(array) // 4
    prompt = representation.window(array, 0, begin)
    for include in (True, False):
        made = compose(heart, 6, seeds=(0, 1), prompt=prompt, include=include)
        before = representation.decode(prompt)
        given, forbidden = melody_grams([before], 7), melody_grams([written], 7)
        for one in made:
            found = melody_grams([one.piece], 7) & forbidden
            assert found <= given if include else not found
            random = isinstance(representation, NoteChords) and representation.config.advance == "random"
            assert one.refused.draws > 0 or random


def test_nothing_that_is_no_training_melody_is_refused(heart):
    representation, array, _, length = heart
    stranger = known_of([piece(99)], 12)
    (free,) = compose(heart, None, seeds=(3,))
    given = representation.space.empty()
    draft = Draft() if isinstance(representation.space, Bits) else None
    (kept,) = compose_after(
        given, Copier(array, representation.space), representation, [3], Sampler(), Stop(length=length), True,
        draft=draft, known=stranger,
    )  # fmt: skip
    assert np.array_equal(free.array, kept.array) and kept.refused == Refused(0, 0)


@pytest.mark.parametrize("how", [{"beams": Beams(3)}, {"draft": Draft(12)}, {"sampler": Sampler(greedy=True)}])
def test_however_symbols_are_chosen(heart, how):
    if "beams" in how and not isinstance(heart[0].space, Tokens):
        pytest.skip("only symbols are searched")
    if "draft" in how and not isinstance(heart[0].space, (Tokens, Bits)):
        pytest.skip("only symbols and key states are drafted")
    made = compose(heart, 4, seeds=(0, 0), **how)
    for one in made:
        assert not melody_grams([one.piece], 5) & melody_grams([heart[2]], 5)
        assert one.refused.draws > 0
    if "draft" in how:
        one_by_one = {"draft": Draft(1), "length": 1500} if isinstance(heart[0].space, Bits) else {}
        (plain,) = compose(heart, 4, seeds=(0,), **one_by_one)
        assert plain.array.tolist() == made[0].array[: len(plain.array)].tolist()
        assert plain.refused == made[0].refused or one_by_one


SEQUENCES = [name for name, recipe in TINY.items() if recipe.representation.kind == "music" and name[:7] != "musegan"]


@pytest.mark.parametrize("name", SEQUENCES)
def test_every_recipe_of_music(name):
    """Untrained models, which wander, and passages of two notes, of which there are many."""
    torch.manual_seed(0)
    recipe = TINY[name]
    scores = [piece(seed, 8) for seed in range(4)]
    representation = recipe.representation.fit(scores)
    model = recipe.model.build(representation.space)
    written = [representation.decode(representation.encode(score).array) for score in scores]
    space, known = representation.space, known_of(written, 2)
    draft = Draft() if isinstance(space, Bits) else None
    stop = Stop(length=14 * space.frame if space.frame > 1 else 150)
    made = compose_after(space.empty(), model, representation, [0, 1], Sampler(), stop, True, draft=draft, known=known)
    forbidden = melody_grams(written, 3)
    for one in made:
        assert len(melody_grams([one.piece], 3) & forbidden) <= one.refused.forced
    assert sum(one.refused.draws for one in made) > 0


def test_where_nothing_else_is_left_it_is_counted():
    """One pitch, over and over: every way to go on is refused, but for the end."""
    score = Score(480)
    score.tracks.append(Track("", 0, False))
    score.tracks[0].notes.extend([Note(240 * at, 240, 60, 90) for at in range(10)])
    representation = NoteChordsConfig(advance="learnt").fit([score])
    array = representation.encode(score).array
    known = known_of([score], 3)
    made = compose_after(
        array[:0], Copier(array, representation.space), representation, [0], Sampler(), Stop(length=30), True,
        known=known,
    )  # fmt: skip
    assert len(made[0].piece.tracks[0].notes) == 3  # it ends instead
    assert made[0].refused == Refused(1, 0)

    class Endless(type(representation.cursor(1))):  # type: ignore[misc]
        def allowed(self):
            allowed = super().allowed().copy()
            allowed[:, 1] = False
            return allowed

        def take(self, rows):
            taken = super().take(rows)
            taken.__class__ = Endless
            return taken

    representation.cursor = lambda batch: Endless(representation, batch)  # type: ignore[method-assign]
    (made,) = compose_after(
        array[:0], Copier(array, representation.space), representation, [0], Sampler(), Stop(length=30), True,
        known=known,
    )  # fmt: skip
    assert len(made.piece.tracks[0].notes) == 15 and made.refused == Refused(0, 12)


def test_the_table_of_passages_is_that_of_a_loop():
    rng = np.random.default_rng(4)
    parts = []
    for size in (0, 1, 2, 5, 40, 300):
        steps = rng.choice([120, 240, 480, 700], size)
        onset, pitch = np.cumsum(np.append(0, steps)), rng.integers(60, 64, size + 1)
        parts.append(tokens(onset, pitch))
    flat = np.concatenate([part for one in parts for part in (one, np.array([NO_TOKEN], np.int16))])
    for notes in (2, 3, 8, 64):
        wanted: dict[tuple[int, ...], set[int]] = {}
        for line in parts:
            for at in range(len(line) - notes + 1):
                key = (int(line[at]) // 8 * 8, *line[at + 1 : at + notes - 1].tolist())
                wanted.setdefault(key, set()).add(int(line[at + notes - 1]))
        known = familiar(flat, notes)
        assert len(known.passages) == len(wanted) and len(known.tokens) == sum(map(len, wanted.values()))
        for key, follow in wanted.items():
            assert sorted(follow) == list(known.after((key[0] + 5, *key[1:])))
        assert known.after((1, *[1] * (notes - 2))) == ()
        assert familiar(flat[::1].copy(), notes).digest == known.digest
    assert familiar(flat, 8).digest != familiar(flat[:-100], 8).digest != familiar(flat, 9).digest
    nothing = familiar(np.empty(0, np.int16), 4)
    assert nothing.after((1, 2, 3)) == () and len(nothing.digest) == 64
    for notes in (1, 65):
        with pytest.raises(UsageError, match=f"original must be from 2 to 64 notes, got {notes}"):
            familiar(flat, notes)


def test_melodies_grow_as_lines_are_read():
    """Any notes one by one, in the order of time: the melodies are those of the finished score."""
    rng = np.random.default_rng(8)
    for _ in range(20):
        score, known = Score(480), known_of([piece()], 5)
        growth = Growth(known)
        growth.close = 15
        time = np.sort(rng.integers(0, 3000, 60))
        score.tracks.extend([Track("a", 0, False), Track("b", 0, False)])
        for onset in time.tolist():
            track, pitch = int(rng.integers(0, 2)), int(rng.integers(50, 70))
            score.tracks[track].notes.append(Note(onset, 100, pitch, 80))
            growth.hear(onset, track, pitch)
        growth.reach(10**9)
        by_name = {line.name: line for line in lines(score)}
        for line, name in ((-1, "top notes"), (0, "top notes of a"), (1, "top notes of b")):
            melody, whole = growth.melodies[line], by_name[name]
            assert (melody.onset, melody.pitch) == (whole.onset[-1], whole.pitch[-1])
            assert melody.tokens == tuple(whole.tokens[-4:].tolist())


def test_rhythms_are_those_of_lines():
    steps = [1, 2, 3, 5, 7, 10, 14, 99, 140, 141, 70, 480, 1920, 1358, 1357, 1]
    onset = np.cumsum([0, *steps])
    said = tokens(onset, np.full(len(onset), 60)) % 8
    assert [rhythm(step, before) for before, step in zip([0, *steps], steps, strict=False)] == said.tolist()


def test_too_long_names_the_notes():
    known = known_of([piece()], 6)
    line = next(line for line in lines(piece()) if line.name == "top notes of Melody")
    assert known.too_long(line).tolist() == list(range(6, len(line)))
    assert known.too_long(line, int(line.onset[9])).tolist() == list(range(9, len(line)))
    moved = Line("", line.onset * 3, line.pitch - 11, True)
    assert len(known.too_long(moved)) == len(line) - 6
    changed = line.pitch.copy()
    changed[10] += 1
    assert not set(range(10, 17)) & set(known.too_long(Line("", line.onset, changed, True)).tolist())
