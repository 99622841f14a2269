"""Runs of whole phrases, with a model that one can work out by hand: what is composed, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from symusic import Note, Score, Tempo, TextMeta, TimeSignature, Track
from tests.conftest import Notes  # type: ignore[import-not-found]
from torch import nn

from erato.errors import EratoError, UsageError
from erato.models.base import LatentModel
from erato.phrase_run import PhraseRun
from erato.recipes import RECIPES
from erato.representations.base import Rolls
from erato.representations.multitrack import MultitrackConfig
from erato.sampling import Latents
from erato.score import bars as bars_of
from erato.score import seconds as seconds_of

TRACKS, PHRASE = 4, 32  # 2 bars of 16 steps
CONFIG = MultitrackConfig(lowest=36, pitches=48, repeats="hold", tempo=60.0)


class High(nn.Module):
    """Likes the phrases with the highest pitches."""

    def forward(self, rolls, known=None):
        return ((rolls + 1) * torch.arange(rolls.shape[-1])).flatten(1).sum(1)


class ByHand(LatentModel):
    """Track k at step t: pitch 12 * (3 - k) + 5 + chords[0] + style[0], plus melody[k][0] in every second beat and
    groove[k][0] in every odd step, rounded."""

    def __init__(self, conditional=False):
        super().__init__()
        self.space = Rolls(TRACKS, 2, 16, 48)
        self.latents = {"chords": (2,), "style": (2,), "melody": (TRACKS, 2), "groove": (TRACKS, 2)}
        self.conditional = conditional
        self.generator, self.critic = nn.Linear(1, 1), High()
        self.norm = nn.BatchNorm1d(1)  # which must not see what is composed
        self.sizes = []

    def values(self, latents):
        """[N, T, K] real numbers."""
        t = torch.arange(PHRASE)
        first = {name: part[..., 0] for name, part in latents.items()}
        both = first["chords"] + first["style"]
        place = 41 - 12 * torch.arange(TRACKS)
        found = place + both[:, None, None] + first["melody"][:, None] * (t // 4 % 2)[:, None]
        return found + first["groove"][:, None] * (t % 2)[:, None]

    def rolls(self, phrases):
        cells = phrases.view(-1, 2, 16, TRACKS).permute(0, 3, 1, 2).unsqueeze(-1)
        return torch.where(cells == torch.arange(48), 1.0, -1.0)

    def generate(self, latents, given=None):
        assert not self.training
        cells = self.values(latents).view(-1, 2, 16, TRACKS).permute(0, 3, 1, 2).unsqueeze(-1)
        return 2 * torch.exp(-((cells - torch.arange(48)) ** 2)) - 1

    def write(self, latents, given=None):
        assert not self.training
        self.sizes.append(len(latents["chords"]))
        written = self.values(latents).round().long().clamp(0, 47)
        return written if given is None else torch.where(given >= 0, given, written)


def phrase_run(folder, conditional=False, length=None, config=CONFIG):
    representation = config.fit([piece_of_four()])
    recipe = replace(RECIPES["note-lstm"], name="by-hand", representation=config, length=length, seed=4)
    return PhraseRun(folder, recipe, representation, ByHand(conditional).train())


@pytest.fixture
def run(tmp_path):
    return phrase_run(tmp_path / "run", conditional=True)


def piece_of_four(bars=4, names=("Soprano", "Alto", "Tenor", "Bass"), ticks=480):
    """Quarters in four tracks an octave apart, with odd timings, a tempo change, a fermata and several velocities."""
    score = Score(ticks)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    score.tempos.extend([Tempo(0, 90.0), Tempo(5 * ticks, 70.0)])
    score.markers.append(TextMeta(3 * ticks, "fermata"))
    for number, name in enumerate(names):
        track = Track(name, 10 + number, False)
        for beat in range(4 * bars):
            pitch = 76 - 12 * number + (0, 2, 4, 5)[beat % 4]
            track.notes.append(Note(ticks * beat + 7 * (beat % 3), ticks - 11 * (beat % 2), pitch, 60 + beat))
        score.tracks.append(track)
    return score


def expected(latents, steps):
    """The symbols [steps, K] that the formula gives, worked out cell by cell."""
    found = []
    for row in range(latents.phrases):
        one = {name: part[row].numpy().astype(np.float64)[..., 0] for name, part in latents.items()}
        for t in range(PHRASE):
            cells = []
            for k in range(TRACKS):
                value = 12 * (3 - k) + 5 + one["chords"] + one["style"]
                value += one["melody"][k] * (t // 4 % 2) + one["groove"][k] * (t % 2)
                cells.append(int(np.rint(value)))
            found.append(cells)
    return np.array(found)[:steps]


def test_a_piece_is_what_the_model_writes_of_the_latents_of_its_seed(run):
    for seed, made in zip((7, 8), run.sample(n=2, seed=7), strict=True):
        latents = Latents.draw(run.model.latents, 5, seed)
        assert np.array_equal(made.array, expected(latents, 160))
        assert (made.seed, made.log_prob, made.symbols, made.bars, made.score) == (seed, None, 160, 10, None)
        assert made.seconds == seconds_of(made.piece) == pytest.approx(40.0)
        assert made.prompt.shape == (0, 4)
        assert np.array_equal(run.representation.encode(made.piece).array, made.array)
    assert run.model.training and run.model.norm.num_batches_tracked == 0


@pytest.mark.parametrize("bars", [1, 2, 3, 10])
def test_bars_are_exact(run, bars):
    (made,) = run.sample(bars=bars)
    assert (made.bars, made.symbols, len(bars_of(made.piece))) == (bars, 16 * bars, bars)
    assert np.array_equal(made.array, run.sample(bars=10)[0].array[: 16 * bars])


@pytest.mark.parametrize("seconds", [0.1, 7.9, 8.0, 8.3, 21.17])
def test_seconds_are_exact(run, seconds):
    (made,) = run.sample(seconds=seconds)
    assert made.seconds == seconds_of(made.piece) == pytest.approx(seconds, abs=0.002)
    assert made.symbols == math.ceil(4 * seconds)


def test_length_is_in_steps_and_the_recipe_may_say_it(run, tmp_path):
    assert run.sample(length=45)[0].symbols == 45
    assert phrase_run(tmp_path, length=70).sample()[0].symbols == 70


def test_the_same_seed_gives_the_same_bytes_and_a_piece_alone_is_that_among_many(run):
    many = run.sample(n=5, seed=10, bars=6)
    again = run.sample(n=5, seed=10, bars=6)
    assert [made.piece.dumps_midi() for made in many] == [made.piece.dumps_midi() for made in again]
    for number in (0, 3):
        (alone,) = run.sample(seed=10 + number, bars=6)
        assert alone.piece.dumps_midi() == many[number].piece.dumps_midi()
    assert {len(made.array) for made in many} == {96} and len({made.array.tobytes() for made in many}) == 5
    assert set(run.model.sizes) == {1}, "a phrase must not share a batch: its sums could come out otherwise"


def test_a_seed_of_one_part_replaces_the_pieces_seed_for_it(run):
    before = run.sample(seed=3)[0].array
    every = {"chords": 3, "style": 3, "melody": 3, "groove": 3}
    assert np.array_equal(run.sample(seed=99, **every)[0].array, before)
    for name, shape in run.model.latents.items():
        after = run.sample(seed=3, **{name: 11})[0].array
        assert np.array_equal(after, expected(Latents.draw(run.model.latents, 5, 3, {name: 11}), 160))
        assert (after != before).any()
        if len(shape) > 1:
            after = run.sample(seed=3, **{name: [3, 3, 11, 3]})[0].array
            assert (after[:, 2] != before[:, 2]).any()
            assert np.array_equal(after[:, [0, 1, 3]], before[:, [0, 1, 3]])


def test_latents_of_ones_own(run):
    a, b = run.latents(2, 1), run.latents(2, 2)
    middle = a.slerp(b, 0.5)
    (made,) = run.sample(latents=middle)
    assert np.array_equal(made.array, expected(middle, 64)) and made.bars == 4
    assert run.sample(latents=middle, bars=3)[0].symbols == 48
    assert np.array_equal(run.sample(seed=1, bars=4)[0].array, run.sample(latents=a)[0].array)


def test_a_morph_goes_from_one_piece_to_the_other(run):
    made = run.sample(seed=1, morph=2, bars=4)
    assert len(made) == 8
    assert np.array_equal(made[0].array, run.sample(seed=1, bars=4)[0].array)
    assert np.array_equal(made[-1].array, run.sample(seed=2, bars=4)[0].array)
    first, last = run.latents(2, 1), run.latents(2, 2)
    assert np.array_equal(made[3].array, expected(first.slerp(last, 3 / 7), 64))
    assert len(run.sample(seed=1, morph=2, morph_steps=3, bars=4)) == 3
    fixed = {"chords": 5, "style": 5, "groove": 5}  # what has a seed of its own stays
    made = run.sample(seed=1, morph=2, morph_steps=2, **fixed)
    assert np.array_equal(made[1].array, run.sample(seed=2, **fixed)[0].array)


def test_a_morph_may_be_one_piece(run):
    first, last = run.latents(8, 1), run.latents(8, 2)
    (made,) = run.sample(seed=1, morph=2, one_piece=True)
    assert made.bars == 16
    phrases = made.array.reshape(8, PHRASE, TRACKS)
    for row in range(8):
        way = first.take([row]).slerp(last.take([row]), row / 7)
        assert np.array_equal(phrases[row], expected(way, 32))
    assert np.array_equal(phrases[0], run.sample(seed=1, bars=2)[0].array)
    assert np.array_equal(phrases[7], run.sample(seed=2, bars=16)[0].array[-32:])
    (made,) = run.sample(seed=1, morph=2, one_piece=True, morph_steps=2, bars=7)  # 4 phrases, 2 and 2
    four = (run.latents(4, 1), run.latents(4, 2))
    halves = Latents.concatenate([four[0].take([0, 1]), four[1].take([2, 3])])
    assert np.array_equal(made.array, expected(halves, 112)) and made.bars == 7


def test_a_program_is_for_all_tracks(run):
    assert {track.program for track in run.sample(program="violin")[0].piece.tracks} == {40}
    with pytest.raises(UsageError, match="did you mean"):
        run.sample(program="violine")


def test_training_listens_to_the_recipes_seed(run):
    run.listen(70)
    path = run.folder / "samples" / "step00000070.mid"
    assert len(Score(path).tracks[0].notes) == len(run.sample(seed=4)[0].piece.tracks[0].notes)
    before = path.read_bytes()
    run.listen(70)
    assert path.read_bytes() == before


def test_pieces_are_written_as_others_are(run, tmp_path):
    run.learned_here = False  # it has no manifest
    ((midi, picture, said),) = run.write(run.sample(seed=6, bars=2), tmp_path / "pieces", ["mid", "png"])
    assert [path.name for path in (midi, picture, said)] == ["001-seed6.mid", "001-seed6.png", "001-seed6.json"]
    assert np.array_equal(run.representation.encode(Score(midi)).array, run.sample(seed=6, bars=2)[0].array)


LATENTS = {name: torch.zeros(2, *shape) for name, shape in ByHand().latents.items()}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prompt": "a.mid"}, "continues no prompt: leave it out, or give tracks to compose to with given (--given"),
        ({"temperature": 0.5, "top_k": 3}, "temperature, top_k: this run writes whole phrases"),
        ({"temperature": 0}, "temperature: this run writes whole phrases"),
        ({"begin": "silence"}, "begin: this run writes whole phrases"),
        ({"may_end": True}, "may_end: this run writes whole phrases"),
        ({"step": 0.1}, "step: this run writes whole phrases"),
        ({"beams": 3}, "beams (--strategy): this run writes whole phrases"),
        ({"melodi": 3}, "did you mean melody"),
        ({"n": 0}, "n must be from 1 to 100,000 pieces, got 0"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2^63 - 1, got -1"),
        ({"bars": 0}, "bars must be above 0 and at most 100,000, got 0"),
        ({"bars": 2, "seconds": 3.0}, "give one of bars, seconds and length, not several"),
        ({"melody": [1, 2]}, "melody takes one seed, or 4, one a track, got 2"),
        ({"chords": [1, 2, 3]}, "chords takes one seed, got 3"),
        ({"style": 2**63}, "for style"),
        ({"morph_steps": 3}, "morph_steps (--morph-steps) is for a morph"),
        ({"one_piece": True}, "one_piece (--one-piece) is for a morph"),
        ({"morph": -1}, "morph must be a seed from 0 to 2^63 - 1, got -1"),
        ({"morph": 1, "morph_steps": 1}, "morph_steps must be from 2 to 100,000, got 1"),
        ({"morph": 1, "n": 2}, "leave out n=2"),
        ({"morph": 1, "one_piece": True, "bars": 4, "morph_steps": 3}, "2 phrases morph in 2 to 2 steps, got 3"),
        ({"morph": 1, "one_piece": True, "bars": 2}, "a single phrase does not morph, got 1"),
        ({"latents": Latents(LATENTS), "n": 2, "chords": 1}, "leave out chords, n, or latents"),
        ({"latents": Latents(LATENTS), "bars": 10}, "has 5 phrases and the latents are of 2"),
        ({"latents": Latents({"chords": torch.zeros(2, 2)})}, "use those of the run"),
        ({"given_tracks": ["1"]}, "given_tracks are tracks of a given piece"),
        ({"given": piece_of_four(), "bars": 4, "morph": 1}, "leave out bars, morph, or given"),
        ({"given": piece_of_four()}, "at most 3 can be given, got 4 (Soprano, Alto, Tenor, Bass)"),
        ({"given": piece_of_four(), "given_tracks": ["Soprano", "Sopranino"]}, "no track with notes for Sopranino"),
        ({"given": "nowhere.mid"}, "there is no file 'nowhere.mid' to compose to"),
        ({"given": piece_of_four(bars=1), "given_tracks": [0]}, "pieces shorter than 2 bars"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, settings, said):
    with pytest.raises(EratoError) as error:
        run.sample(**settings)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_what_is_not_asked_of_the_sampler_is_no_mistake(run):
    run.sample(bars=1, beams=None, sampler=None, may_end=False, stream=None)


def test_text_and_drums_are_not_composed_to(run, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("words")
    with pytest.raises(EratoError, match="text"):
        run.sample(given=path)
    score = piece_of_four(names=("Soprano",))
    score.tracks.append(Track("Kit", 0, True))
    score.tracks[1].notes.append(Note(0, 480, 36, 90))
    with pytest.raises(UsageError, match="no drums"):
        run.sample(given=score)


def notes(track):
    return [(note.time, note.duration, note.pitch, note.velocity) for note in track.notes]


@pytest.fixture
def accompanist(run):
    return run


def test_a_run_that_has_not_learned_it_writes_to_no_given_tracks(tmp_path):
    with pytest.raises(UsageError, match=r"this run of by-hand has not learned .* one of musegan-conditional"):
        phrase_run(tmp_path / "run").sample(given=piece_of_four(), given_tracks=[0])


def test_given_tracks_come_out_as_they_were(accompanist):
    given = piece_of_four(bars=5, ticks=96)
    (made,) = accompanist.sample(given=given, given_tracks=["Alto", "3"], reporter=(told := Notes()))
    assert [track.name for track in made.piece.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    for number in (1, 3):
        assert notes(made.piece.tracks[number]) == notes(given.tracks[number])
        assert made.piece.tracks[number].program == given.tracks[number].program
    assert [(tempo.time, tempo.mspq) for tempo in made.piece.tempos] == [(t.time, t.mspq) for t in given.tempos]
    assert next((mark.time, mark.text) for mark in made.piece.markers) == (288, "fermata")
    assert made.piece.ticks_per_quarter == 96 and made.bars == 5 and made.symbols == 80
    assert told.said[0] == "Given Alto as Alto, Bass as Bass (by name), bars 1 to 5; they stay as they are."
    heard = accompanist.representation.encode(given).array
    assert np.array_equal(made.array[:, [1, 3]], heard[:, [1, 3]])
    for number in (0, 2):  # the new ones lie on the grid of the given piece
        rows = made.array[:, number]
        begins = [t for t in range(80) if t == 0 or rows[t] != rows[t - 1]]
        assert [(time, pitch) for time, _, pitch, _ in notes(made.piece.tracks[number])] == [
            (24 * t, int(rows[t]) + 36) for t in begins
        ]
        assert made.piece.tracks[number].end() == 80 * 24


def test_after_a_pickup_new_tracks_begin_with_the_first_whole_bar(accompanist):
    given = piece_of_four(bars=4, names=("Tenor",)).shift_time(480)
    given.tracks[0].notes.append(Note(0, 480, 60, 80))
    given.time_signatures.clear()
    given.time_signatures.extend([TimeSignature(0, 1, 4), TimeSignature(480, 4, 4)])
    (made,) = accompanist.sample(given=given)
    assert sorted(notes(made.piece.tracks[2])) == sorted(notes(given.tracks[0]))
    assert [made.piece.tracks[k].start() for k in (0, 1, 3)] == [480] * 3
    assert [made.piece.tracks[k].end() for k in (0, 1, 3)] == [480 + 4 * 1920] * 3
    assert made.bars == 4


def test_a_last_bar_that_a_pickup_shortens_is_written_to_and_ends_where_the_piece_does(accompanist):
    given = piece_of_four(bars=3, names=("Tenor",)).shift_time(480)
    given.tracks[0].notes.append(Note(0, 480, 60, 80))
    given.tracks[0].notes = type(given.tracks[0].notes)(
        [n for n in given.tracks[0].notes if n.time < 480 + 3 * 1920 - 480]
    )
    given.time_signatures.clear()
    given.time_signatures.extend([TimeSignature(0, 1, 4), TimeSignature(480, 4, 4)])
    (made,) = accompanist.sample(given=given)
    assert made.bars == 3 and len(made.array) == 48
    assert [made.piece.tracks[k].end() for k in (0, 1, 3)] == [480 + 3 * 1920 - 480] * 3
    assert sorted(notes(made.piece.tracks[2])) == sorted(notes(given.tracks[0]))


def test_other_tracks_of_the_file_are_left_out_and_unnamed_ones_go_by_register(accompanist):
    given = piece_of_four(names=("Flute", "Strings", "x", "y"))
    given.tracks[1].notes.clear()
    given.tracks[1].notes.append(Note(0, 7680, 42, 80))  # as low as the bass of the model, 41
    (made,) = accompanist.sample(given=given, given_tracks=["flute", "strings"], reporter=(told := Notes()))
    assert "Flute as Soprano, Strings as Bass (by register)" in told.said[0]
    assert [track.name for track in made.piece.tracks] == ["Flute", "Alto", "Tenor", "Strings"]


def test_what_the_run_hears_otherwise_is_said(accompanist):
    given = piece_of_four(names=("Bass",))
    given.tracks[0].notes.append(Note(0, 480, 100, 80))
    given.tracks[0].notes.append(Note(1920, 960, 24, 80))  # below the range
    told = Notes()
    (made,) = accompanist.sample(given=given, reporter=told)
    assert "notes moved by octaves" in told.said[1] and "notes under or over others" in told.said[1]
    assert notes(made.piece.tracks[3]) == notes(given.tracks[0])


def test_accompaniment_is_the_same_for_the_same_seed(accompanist):
    settings = {"given": piece_of_four(bars=2), "given_tracks": [0], "n": 2}
    many = accompanist.sample(seed=5, **settings)
    again = accompanist.sample(seed=5, **settings)
    assert [made.piece.dumps_midi() for made in many] == [made.piece.dumps_midi() for made in again]
    (alone,) = accompanist.sample(seed=6, **{**settings, "n": 1})
    assert alone.seed == 6 and alone.piece.dumps_midi() == many[1].piece.dumps_midi()
    assert not np.array_equal(many[0].array, many[1].array)


def test_a_conditional_model_writes_what_its_critic_likes_best(tmp_path):
    run = phrase_run(tmp_path, conditional=True)
    (made,) = run.sample(given=piece_of_four(bars=2), given_tracks=[0], seed=9)
    draws = Latents.draw(run.model.latents, 16, 9, kept=())
    candidates = [expected(draws.take([row]), 32)[:, 1:] for row in range(16)]
    best = max(candidates, key=lambda one: one.sum())  # what `High` likes
    assert np.array_equal(made.array[:, 1:], best)
    (made,) = run.sample(given=piece_of_four(bars=2), given_tracks=[0], seed=9, melody=2, style=2)
    fixed = {"melody": 2, "style": 2}
    own = run.latents(1, 9, **fixed)
    draws = draws.replace(**{name: own[name][0] for name in fixed})
    candidates = [expected(draws.take([row]), 32)[:, 1:] for row in range(16)]
    assert np.array_equal(made.array[:, 1:], max(candidates, key=lambda one: one.sum()))


def test_the_program_is_for_the_new_tracks_alone(accompanist):
    (made,) = accompanist.sample(given=piece_of_four(), given_tracks=[0], program="flute")
    assert [track.program for track in made.piece.tracks] == [10, 73, 73, 73]


def test_an_odd_bar_is_the_end_of_a_phrase_that_begins_earlier(tmp_path):
    run = phrase_run(tmp_path, conditional=True)
    two, three = (run.sample(given=piece_of_four(bars=bars), given_tracks=[0])[0].array for bars in (2, 3))
    assert len(three) == 48 and np.array_equal(three[:32], two)
    assert not np.array_equal(three[16:32, 1:], three[32:, 1:])
