"""`--original N`: runs that learned by heart are kept from copying, say how often, and make their pieces again."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from symusic import Note, Score, TimeSignature, Track
from tests.conftest import Notes, write_chorales, write_songs  # type: ignore[import-not-found]
from tests.sampling.test_original import Copier, melody_grams
from tests.test_phrase_run import PHRASE, expected, phrase_run

from erato import pipeline
from erato.errors import UsageError
from erato.passages import NO_TOKEN, lines
from erato.phrase_run import PhraseRun
from erato.recipes import TINY
from erato.sampling import Latents, familiar
from erato.sequence_run import SequenceRun


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of two recipes and what they learned from, trained two steps."""
    folder = tmp_path_factory.mktemp("runs")
    write_songs(write_chorales(folder / "corpora" / "music"), 4)
    for name in ("event-transformer", "pianoroll-lstm", "lyrics-lstm"):
        pipeline.train(TINY[name], folder / "corpora" / "music", folder / name)
    return folder


@pytest.fixture
def heart(runs, monkeypatch):
    """A run that knows the first training piece by heart, all training pieces, and how to load it again."""
    from erato.reporter import Reporter

    def call(name):
        run = pipeline.load(runs / name)
        pieces = run._pieces(None, Reporter())
        training = [pieces[index] for index in pieces.split("train")]
        array = run.representation.encode(training[0]).array
        end = run.representation.space.end
        run.model = Copier(array[:-1] if end is not None else array, run.representation.space)
        monkeypatch.setattr(pipeline, "load", lambda *arguments: run)
        return run, training

    return call


def test_the_training_melodies_are_those_of_the_training_pieces(runs, heart):
    run, training = heart("event-transformer")
    flat = run._training_lines(Notes())
    assert flat.dtype == np.int16
    wanted = [line.tokens.tolist() for piece in training for line in lines(piece) if line.melody]
    assert len(wanted) >= 4 * len(training)  # four voices, and where they cross the top of all
    found, one = [], []
    for token in flat.tolist():
        if token == NO_TOKEN:
            found.append(one)
            one = []
        else:
            one.append(token)
    assert found == wanted and one == []
    assert run.known(8) is run.known(8)
    assert run.known(8).digest == familiar(flat, 8).digest != run.known(7).digest


@pytest.mark.parametrize(("name", "line"), [("event-transformer", "--bars 6"), ("pianoroll-lstm", "--length 60")])
def test_what_knows_a_piece_by_heart_copies_it_or_not(erato, heart, name, line):
    _, training = heart(name)
    written = []
    for more in ("", "--original 6"):
        code, out, err = erato("compose", "run", *shlex.split(f"{line} --n 2 --out out --formats mid {more} --json"))
        assert code == 0, err
        written.append(json.loads(out)["pieces"])
    free, kept = written
    forbidden = melody_grams(training, 7)
    assert any(melody_grams([Score(one["path"])], 7) & forbidden for one in free) or name == "pianoroll-lstm"
    for one in kept:
        assert not melody_grams([Score(one["path"])], 7) & forbidden
        said = one["original"]
        assert said["forced"] == said["silent"] == 0
        assert one["made"]["original"] == f"at most 6 notes in a row of a training melody, {said['draws']:,} refused"
    assert "original" not in free[0] and "original" not in free[0]["made"]
    if name == "event-transformer":
        assert all(one["original"]["draws"] > 0 for one in kept)
    code, out, _ = erato("compose", "run", *shlex.split(f"{line} --original 6 --out there --formats mid"))
    draws = kept[0]["original"]["draws"]
    assert code == 0 and f" (at most 6 notes in a row of a training melody, {draws:,} refused) -> " in out


def test_a_piece_is_made_again_where_the_pieces_are_as_they_were(erato, runs, tmp_path):
    corpus = runs / "corpora" / "music"
    shutil.copytree(corpus, tmp_path / "kept")
    shutil.copytree(runs / "event-transformer", tmp_path / "run")
    line = "compose run --bars 4 --n 2 --seed 3 --original 2 --formats mid --json"
    code, out, err = erato(*shlex.split(line))
    assert code == 0, err
    first, second = (one["path"] for one in json.loads(out)["pieces"])
    record = json.loads(Path(second).with_suffix(".json").read_text())["record"]
    run = pipeline.load(tmp_path / "run")
    assert (record["settings"]["original"], record["known"]) == (2, run.known(2).digest)
    for path in (first, second):
        assert erato("replay", path) == (0, f"{Path(path).name} made again, byte-identical.\n", "")
    try:
        for number, path in enumerate(sorted(corpus.glob("*.mid"))):
            score = Score(path)
            score.tracks[0].notes[9].pitch += 1 + number % 5
            score.dump_midi(path)
        code, out, err = erato("replay", first)
        assert (code, out) == (1, "") and "erato: the piece has no more than 2 notes in a row" in err
        shutil.rmtree(corpus)
        code, _, err = erato("replay", first)
        assert code == 1 and "erato: what is original is told by the pieces that the run learned from" in err
    finally:
        shutil.copytree(tmp_path / "kept", corpus, dirs_exist_ok=True)
    assert erato("replay", first)[0] == 0


def test_a_prompt_from_the_corpus_is_not_gone_on_with(heart, tmp_path):
    run, training = heart("event-transformer")
    path = tmp_path / "prompt.mid"
    training[0].dump_midi(path)
    (made,) = run.sample(path, bars=4, original=5)
    forbidden, given = melody_grams(training, 6), melody_grams([training[0]], 6)
    assert melody_grams([made.piece], 6) & forbidden <= given and made.refused is not None


@pytest.mark.parametrize(
    ("name", "notes", "said"),
    [
        ("event-transformer", 1, "original must be from 2 to 64 notes, got 1."),
        ("event-transformer", 65, "original must be from 2 to 64 notes, got 65."),
        ("lyrics-lstm", 8, "original is for music, and this run writes text: leave it out (--original)."),
    ],
)
def test_what_cannot_be_done_is_a_sentence(erato, runs, name, notes, said):
    code, out, err = erato("compose", runs / name, "--original", notes, "--length", 9)
    assert (code, out, err) == (1, "", f"erato: {said}\n")


def test_what_is_compared_is_drawn_freely(erato, runs):
    code, _, err = erato("compose", runs / "event-transformer", "--original", 8, "--compare")
    assert code == 1 and "leave out --original, or --compare" in err


def test_a_phrase_that_is_not_original_is_written_again(tmp_path, monkeypatch):
    run = phrase_run(tmp_path / "run")
    (free,) = run.sample(seed=3)
    learnt = Score(480)
    learnt.tracks.append(free.piece.tracks[0])
    (melody,) = lines(learnt)
    monkeypatch.setattr(PhraseRun, "_training_lines", lambda *_: melody.tokens)
    forbidden = melody_grams([learnt], 9)
    assert melody_grams([free.piece], 9) & forbidden
    (kept,) = run.sample(seed=3, original=8)
    assert not melody_grams([kept.piece], 9) & forbidden
    assert kept.refused.draws > 0 and kept.refused.silent == 0 and len(kept.array) == len(free.array)
    assert kept.made["original"].startswith(f"at most 8 notes in a row of a training melody, {kept.refused.draws} ")
    assert np.array_equal(run.sample(seed=2, n=3, original=8)[1].array, kept.array)
    latents = Latents.draw(run.model.latents, 5, 3)
    keeps = latents.replace(chords=latents["chords"] * 0, melody=latents["melody"] * 0)
    groove = expected(keeps, PHRASE)  # that of the piece, whatever the draw
    odd, even = groove[1::8], groove[0::8]
    assert np.array_equal(kept.array[1:PHRASE:8] - kept.array[0:PHRASE:8], odd - even)
    (silent,) = run.sample(seed=3, original=8, chords=3, melody=3)  # nothing is left to draw
    assert silent.refused.draws == 0 and not melody_grams([silent.piece], 9) & forbidden
    count = silent.refused.silent
    rests = (silent.array.reshape(5, -1) == 48).all(1)
    assert count == rests.sum() > 0
    assert silent.made["original"].endswith(f", 0 phrases written again, {count} left silent")
    for fixed in ({"latents": latents}, {"morph": 4}):
        with pytest.raises(UsageError, match=f"leave out {next(iter(fixed))}, or original"):
            run.sample(original=8, **fixed)


def test_runs_of_a_sequence_know_the_setting(heart):
    """A piece of one note over and over: all that is left is another note."""
    run, _ = heart("event-transformer")
    assert isinstance(run, SequenceRun)
    score = Score(480)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    score.tracks.append(Track("Soprano", 0, False))
    score.tracks[0].notes.extend([Note(480 * beat, 480, 60, 80) for beat in range(8)])
    made = run.sample(score, bars=2, original=3, n=3)
    assert [one.refused is not None for one in made] == [True] * 3
