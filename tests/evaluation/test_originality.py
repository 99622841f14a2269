"""What pieces share with a corpus: against loops over the definition, on copies made here, and on awkward pieces."""

import json
import math
from itertools import product

import numpy as np
import pytest
from symusic import Note, Score, TimeSignature, Track

from erato.errors import UsageError
from erato.evaluation.exact_passages import Query, Runs
from erato.evaluation.originality import PLACES, Lines, Passage, human, shared
from erato.evaluation.passage_index import PassageIndex
from erato.evaluation.people import People, copying, judge, overall
from erato.evaluation.votes import wilson
from erato.passages import lines

Notes = list[tuple[int, int]]  # onset in ticks, pitch


def score_of(*tracks: Notes, ticks: int = 480) -> Score:
    score = Score(ticks)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    for number, notes in enumerate(tracks):
        made = Track(f"voice {number + 1}", 0, False)
        for onset, pitch in notes:
            made.notes.append(Note(int(onset), ticks // 4, int(pitch), 80))
        score.tracks.append(made)
    return score


def tune(rng: np.random.Generator, count: int, start: int = 0, ticks: int = 480) -> Notes:
    """A melody of random steps and lengths."""
    onset = start + np.append(0, np.cumsum(rng.choice([1, 2, 2, 3, 4, 6, 8], count - 1))) * (ticks // 4)
    pitch = 66 + np.cumsum(rng.integers(-7, 8, count)) % 24 - 12
    return list(zip(onset.tolist(), pitch.tolist(), strict=True))


def chords(rng: np.random.Generator, count: int) -> Notes:
    """A few notes at each of so many onsets, of few kinds, so that much is shared."""
    onset, found = 0, []
    for _ in range(count):
        found += [(onset, int(pitch)) for pitch in rng.choice([48, 52, 55, 60, 64], rng.integers(1, 4), replace=False)]
        onset += int(rng.choice([240, 480]))
    return found


# The definition, as loops.


def rhythm(line: Notes, at: int) -> str | int:
    """How note `at` follows the one before; "first": there is no step before to compare with."""
    step = line[at][0] - line[at - 1][0]
    if step == 0:
        return "together"
    before = [line[i][0] - line[i - 1][0] for i in range(1, at) if line[i][0] > line[i - 1][0]]
    return max(-2, min(2, round(math.log2(step) - math.log2(before[-1])))) if before else "first"


class Told:
    """A line as pitches and what `rhythm` says of each note but the first."""

    def __init__(self, line: Notes) -> None:
        self.pitch = [pitch for _, pitch in line]
        self.rhythm = [None, *(rhythm(line, at) for at in range(1, len(line)))]

    def __len__(self) -> int:
        return len(self.pitch)


def differing(ours: Told, theirs: Told, a: int, c: int, notes: int, higher: int) -> list[bool]:
    """Of each note of a stretch whether it differs, where the first one is transposed by `higher`."""
    found, free = [], True
    for k in range(notes):
        differs = ours.pitch[a + k] - theirs.pitch[c + k] != higher
        if k:
            here, there = ours.rhythm[a + k], theirs.rhythm[c + k]
            if "together" in (here, there):
                differs |= here != there
                free &= here == "together"
            else:
                differs |= not free and here != there
                free = False
        found.append(differs)
    return found


def longest_exact(ours: list[Told], theirs: list[Told]) -> int:
    best = 0
    for one, other in product(ours, theirs):
        for a, c in product(range(len(one)), range(len(other))):
            most = min(len(one) - a, len(other) - c)
            while most > best and most > 1:
                flags = differing(one, other, a, c, most, one.pitch[a] - other.pitch[c])
                most = flags.index(True) if any(flags) else most
                if not any(flags[:most]) and most > 1:
                    best = max(best, most)
                    break
    return best


def longest_near(ours: list[Told], theirs: list[Told], one_in: int) -> int:
    """Around runs of five notes whose four intervals and rhythms are the same."""
    best = 0
    for one, other in product(ours, theirs):
        for a, c in product(range(len(one)), range(len(other))):
            for notes in range(max(5, best + 1), min(len(one) - a, len(other) - c) + 1):
                higher = one.pitch[a] - other.pitch[c]
                flags = differing(one, other, a, c, notes, higher)
                if any(flags[:2]) or any(flags[-2:]) or one_in * sum(flags) > notes:
                    continue
                same = [
                    one.pitch[a + k] - one.pitch[a + k - 1] == other.pitch[c + k] - other.pitch[c + k - 1]
                    and one.rhythm[a + k] == other.rhythm[c + k]
                    and one.pitch[a + k] - other.pitch[c + k] == higher
                    for k in range(1, notes)
                ]
                if any(all(same[k : k + 4]) for k in range(len(same) - 3)):
                    best = max(best, notes)
    return best


def told(score: Score, *, melodies: bool) -> list[Told]:
    found = lines(score)
    chosen = [line for line in found if line.melody] if melodies else found[:1]
    return [Told(list(zip(line.onset.tolist(), line.pitch.tolist(), strict=True))) for line in chosen]


def everything(score: Score) -> list[Told]:
    return [Told(list(zip(line.onset.tolist(), line.pitch.tolist(), strict=True))) for line in lines(score)]


def few_kinds(rng: np.random.Generator, count: int) -> Notes:
    onset = np.append(0, np.cumsum(rng.choice([240, 480], count - 1)))
    return list(zip(onset.tolist(), (60 + np.cumsum(rng.choice([-2, 0, 1], count))).tolist(), strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_the_longest_passages_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    make = chords if seed % 2 else few_kinds
    corpus = [score_of(make(rng, 18)) for _ in range(3)]
    index = PassageIndex.build((f"piece {n}", f"group {n}", score) for n, score in enumerate(corpus))
    query = score_of(make(rng, 20))
    for exclude in ((), ("group 1",)):
        theirs = [line for n, score in enumerate(corpus) if f"group {n}" not in exclude for line in everything(score)]
        found = shared(index, query, exclude, one_in=4).lengths()
        assert found["melody"] == longest_exact(told(query, melodies=True), theirs)
        assert found["texture"] == longest_exact(told(query, melodies=False), theirs)
        near = longest_near(told(query, melodies=True), theirs, 4)
        assert found["near_melody"] == max(found["melody"], near)
        near = longest_near(told(query, melodies=False), theirs, 4)
        assert found["near_texture"] == max(found["texture"], near)


# Copies made here.


def corpus_of_tunes(rng: np.random.Generator, pieces: int = 30) -> list[Score]:
    """Each a melody in 4/4 over chords."""
    found = []
    for _ in range(pieces):
        melody = tune(rng, 120)
        last = melody[-1][0]
        bass = [(onset, int(pitch)) for onset in range(0, last, 960) for pitch in sorted(rng.choice(24, 3, False) + 36)]
        found.append(score_of(melody, bass))
    return found


@pytest.fixture(scope="module")
def tunes() -> tuple[list[Score], PassageIndex]:
    corpus = corpus_of_tunes(np.random.default_rng(0))
    return corpus, PassageIndex.build((f"tune {n}", f"group {n}", score) for n, score in enumerate(corpus))


def spliced(rng: np.random.Generator, taken: Notes, changes: int = 0) -> tuple[Score, int, float]:
    """Notes, transposed and at another tempo, between notes that were never there; so many have another pitch."""
    higher, tempo = int(rng.choice([-7, -5, -2, 1, 3, 6])), float(rng.choice([0.5, 2 / 3, 1.5, 2]))
    wrong = set(rng.choice(len(taken), changes, replace=False).tolist())
    before = tune(rng, 30, ticks=96)
    start = before[-1][0] + 150
    middle = [
        (
            start + round((onset - taken[0][0]) / 5 / tempo),
            pitch + higher + (int(rng.choice([-3, 1, 4])) * (n in wrong)),
        )
        for n, (onset, pitch) in enumerate(taken)
    ]
    return score_of(before + middle + tune(rng, 30, middle[-1][0] + 70, ticks=96), ticks=96), higher, tempo


def notes_of(score: Score, track: int) -> Notes:
    return [(note.time, note.pitch) for note in score.tracks[track].notes]


def test_spliced_notes_are_found_with_their_source_key_and_tempo(tunes: tuple[list[Score], PassageIndex]) -> None:
    corpus, index = tunes
    rng = np.random.default_rng(1)
    for _ in range(30):
        source, at = int(rng.integers(len(corpus))), int(rng.integers(100))
        taken = notes_of(corpus[source], 0)[at : at + 12]
        piece, higher, tempo = spliced(rng, taken)
        found = shared(index, piece).melody
        assert found is not None and found.notes >= 12 and not found.near
        place = found.places[0]
        assert [one.piece for one in found.places] == [f"tune {source}"] and place.transposition == higher
        first, last = taken[0][0] // 1920 + 1, taken[-1][0] // 1920 + 1
        assert place.bars[0] <= first and last <= place.bars[1] and place.bars[1] - place.bars[0] <= last - first + 2
        if found.notes == 12:  # else a note that was made here goes on as the tune does
            assert place.tempo == pytest.approx(tempo, rel=0.02)


def played(rng: np.random.Generator, count: int) -> Notes:
    """A tune as it is played: no two steps are of a length, and ornaments come shortly before the next note."""
    steps = rng.choice([120, 240, 360, 480], count - 1) + rng.integers(-12, 13, count - 1)
    steps[rng.random(count - 1) < 0.15] = 0
    short = np.flatnonzero(steps == 0)
    steps[short] = rng.integers(8, 31, len(short))
    onset = np.append(0, np.cumsum(steps))
    return list(zip(onset.tolist(), (66 + np.cumsum(rng.integers(-7, 8, count)) % 24 - 12).tolist(), strict=True))


def test_ornaments_are_found_at_another_tempo() -> None:
    """What is close at one tempo is one onset at another: one in three of these was found in pieces."""
    rng = np.random.default_rng(5)
    corpus = [score_of(played(rng, 120)) for _ in range(10)]
    index = PassageIndex.build((f"tune {n}", f"group {n}", score) for n, score in enumerate(corpus))
    whole = 0
    for turn in range(40):
        source, tempo = turn % 10, (0.5, 2 / 3, 3 / 4, 4 / 3, 1.5, 2)[turn % 6]
        line = next(line for line in lines(corpus[source]) if line.melody)
        at = int(rng.integers(len(line) - 12))
        onset = 5000 + np.rint((line.onset[at : at + 12] - line.onset[at]) / tempo).astype(int)
        before, after = tune(rng, 10), tune(rng, 10, int(onset[-1]) + 700)
        before = [(tick - before[-1][0] + 4300, pitch) for tick, pitch in before]
        middle = list(zip(onset.tolist(), (line.pitch[at : at + 12] + 3).tolist(), strict=True))
        found = shared(index, score_of(before + middle + after)).melody
        assert found is not None
        whole += found.notes >= 12 and found.places[0].piece == f"tune {source}"
    assert whole >= 38


def test_readings_are_cut_with_the_piece() -> None:
    notes = played(np.random.default_rng(6), 100)
    piece = Lines.of(score_of(notes))
    cut = piece.cut(40)
    assert piece.readings and cut.notes == 40
    last = cut.lines[0].onset[-1]
    assert all(len(line) > 1 and line.onset[-1] <= last for line in cut.readings)
    assert 0 < sum(map(len, cut.readings)) < sum(map(len, piece.readings))


def test_changed_notes_are_near(tunes: tuple[list[Score], PassageIndex]) -> None:
    corpus, index = tunes
    rng = np.random.default_rng(2)
    right = 0
    for _ in range(40):
        source, at = int(rng.integers(len(corpus))), int(rng.integers(100))
        piece, *_ = spliced(rng, notes_of(corpus[source], 0)[at : at + 16], changes=2)
        found = shared(index, piece).near_melody
        assert found is not None
        right += found.places[0].piece == f"tune {source}"
    assert right >= 38


def test_one_changed_pitch_is_one_difference(tunes: tuple[list[Score], PassageIndex]) -> None:
    corpus, index = tunes
    taken = notes_of(corpus[3], 0)[20:36]
    taken[7] = taken[7][0], taken[7][1] + 1
    found = shared(index, score_of(taken))
    assert found.melody is not None and found.melody.notes == 8 and not found.melody.near
    near = found.near_melody
    assert near is not None and (near.notes, near.differences, near.near) == (16, 1, True)
    assert [(place.piece, place.line) for place in near.places] == [("tune 3", "top notes of voice 1")]
    assert shared(index, score_of(taken), one_in=17).near_melody == found.melody


def test_a_copied_piece_is_found_whole_and_left_out_where_that_is_asked(
    tunes: tuple[list[Score], PassageIndex],
) -> None:
    corpus, index = tunes
    found = shared(index, corpus[5])
    assert found.texture is not None and found.texture.notes == found.notes == len(lines(corpus[5])[0])
    assert found.texture.places[0].piece == "tune 5" and found.texture.places[0].tempo == 1.0
    assert found.texture.places[0].bars == found.texture.bars
    others = shared(index, corpus[5], ["group 5"]).lengths()
    assert max(others.values()) < 16
    assert all(one.piece != "tune 5" for one in shared(index, corpus[5], ["group 5"]).melody.places)  # type: ignore[union-attr]


def test_notes_of_a_whole_texture(tunes: tuple[list[Score], PassageIndex]) -> None:
    corpus, index = tunes
    rng = np.random.default_rng(3)
    for _ in range(10):
        source = int(rng.integers(len(corpus)))
        whole = lines(corpus[source])[0]
        at = int(rng.integers(len(whole) - 12))
        taken = list(zip(whole.onset[at : at + 12].tolist(), whole.pitch[at : at + 12].tolist(), strict=True))
        found = shared(index, spliced(rng, taken)[0]).texture
        assert found is not None and found.notes >= 12 and found.onsets < found.notes
        assert [place.piece for place in found.places] == [f"tune {source}"]
        assert found.places[0].line == "all notes" and found.places[0].bars[0] <= taken[0][0] // 1920 + 1


def test_bars_are_numbered_from_one_and_a_pickup_is_bar_0() -> None:
    score = score_of([(480 * n, pitch) for n, pitch in enumerate([60, 64, 65, 60, 67, 71, 62, 60, 58, 66])])
    score.time_signatures.clear()
    score.time_signatures.append(TimeSignature(0, 1, 4))
    score.time_signatures.append(TimeSignature(480, 4, 4))
    index = PassageIndex.build([("piece", "piece", score)])
    found = shared(index, score_of(notes_of(score, 0)[:4])).melody
    assert found is not None and found.bars == (1, 1) and found.places[0].bars == (0, 1)
    later = [(onset - 1920, pitch) for onset, pitch in notes_of(score, 0)[5:]]
    found = shared(index, score_of(later)).melody
    assert found is not None and found.bars == (1, 2) and found.places[0].bars == (2, 3)


def test_pieces_take_turns_among_the_places() -> None:
    motif = [(0, 60), (240, 67), (480, 62), (960, 70), (1200, 61), (1920, 60)]
    often = score_of([(8000 * n + onset, pitch) for n in range(30) for onset, pitch in motif])
    index = PassageIndex.build([("often", "a", often), ("once", "b", score_of(motif)), ("again", "c", score_of(motif))])
    found = shared(index, score_of(motif)).melody
    assert found is not None and len(found.places) == PLACES
    assert {place.piece for place in found.places} == {"often", "once", "again"}


def test_of_many_places_those_in_the_same_proportions_are_named() -> None:
    """Twelve pieces hold the notes with other lengths, to the nearest power of two the same; the last as they are."""
    motif = [(0, 60), (240, 67), (480, 62), (960, 70), (1200, 61), (1920, 60)]
    swung = [(0, 60), (260, 67), (480, 62), (1010, 70), (1200, 61), (1920, 60)]
    pieces = [(f"swung {n}", f"group {n}", score_of(swung)) for n in range(12)]
    index = PassageIndex.build([*pieces, ("as it is", "group 12", score_of(motif))])
    found = shared(index, score_of([(onset // 2, pitch + 2) for onset, pitch in motif])).melody
    assert found is not None and found.notes == 6 and len(found.places) == PLACES
    assert found.places[-1].piece == "as it is" and found.places[-1].tempo == 2


@pytest.mark.parametrize("seed", range(3))
def test_runs_that_are_bounded_are_as_long_as_if_all_were_looked_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index = PassageIndex.build((f"{n}", f"{n}", score_of(few_kinds(rng, 60))) for n in range(4))
    query = Query(lines(score_of(few_kinds(rng, 70), chords(rng, 30))))
    excluded = index.excluded(["1"])
    runs, whole = Runs(index, query, excluded), Runs(index, query, excluded)
    slots = np.flatnonzero(query.symbols >= 0)
    whole.learn(slots)
    assert 0 < runs.known[slots].sum() < len(slots) and whole.known[slots].all()
    assert (runs.most[slots] >= whole.most[slots]).all()
    for some in (slots, slots[:40], slots[-20:], slots[3:4]):
        assert runs.longest(some) == whole.most[some].max()
    ties = slots[whole.most[slots] == whole.most[slots].max()]
    assert (
        runs.known[ties].all()
        and runs.most[slots[runs.known[slots]]].tolist() == whole.most[slots[runs.known[slots]]].tolist()
    )


def test_what_has_no_passages_has_defined_answers() -> None:
    tune_score = score_of([(480 * n, 60 + n % 5) for n in range(20)])
    index = PassageIndex.build([("piece", "piece", tune_score)])
    nothing = {"melody": 0, "texture": 0, "near_melody": 0, "near_texture": 0}
    drums = score_of([(0, 60), (480, 62)])
    drums.tracks[0].is_drum = True
    for empty in (Score(480), score_of([]), score_of([(0, 60)]), drums):
        assert shared(index, empty).lengths() == nothing
        assert shared(PassageIndex.build([("empty", "e", empty)]), tune_score).lengths() == nothing
    assert shared(PassageIndex.build([]), tune_score).lengths() == nothing
    assert shared(index, tune_score, ["piece"]).lengths() == nothing
    two = shared(index, score_of([(0, 60), (100, 61)])).melody
    assert two is not None and two.notes == 2
    with pytest.raises(UsageError, match="one_in must be 2 or more"):
        shared(index, tune_score, one_in=1)
    with pytest.raises(UsageError, match="notes must be 2 or more"):
        human(index, [], 1, np.random.default_rng(0))
    people = human(PassageIndex.build([]), [], None, np.random.default_rng(0))
    found = copying(people, [shared(index, tune_score)])
    assert len(people) == 0 and found.verdict == "undecided: too few pieces"
    assert found.percentiles["melody"] == [None]
    json.dumps(found.to_json(), allow_nan=False)


# What is normal.


def test_people_are_held_out_pieces_or_training_pieces_left_out(tunes: tuple[list[Score], PassageIndex]) -> None:
    _, index = tunes
    rng = np.random.default_rng(4)
    fresh = corpus_of_tunes(rng, 20)
    people = human(index, [*fresh, Score(480)], 60, rng)
    assert (people.held_out, people.left_out) == (20, 0) and "20 held-out pieces, cut to 60 notes each" in people.said
    assert people.lengths["melody"] == sorted(
        shared(index, Lines.of(score).cut(60)).lengths()["melody"] for score in fresh
    )
    few = human(index, fresh[:3], 60, rng)
    assert (few.held_out, few.left_out) == (3, 30) and "left out in turn" in few.said
    one = People({"melody": [1, 2]}, None, "notes", 1, 1)
    assert one.said == "Pieces of people: 1 held-out piece and 1 training piece, each left out in turn."
    assert max(few.lengths["near_texture"]) < 20  # none was found in itself
    assert all(score.tracks[0].notes[0].time == 0 for score in fresh)


def test_pieces_are_cut_to_so_many_notes() -> None:
    piece = Lines.of(score_of([(0, 72), (480, 74), (960, 76), (1440, 77)], [(0, 48), (960, 50), (1920, 52)]))
    cut = piece.cut(4)
    assert cut.notes == 4 and [line.pitch.tolist() for line in cut.lines] == [
        [48, 72, 74, 50],
        [72, 74, 76],
        [72, 74, 76],
        [48, 50],
    ]
    assert piece.cut(100) is piece and Lines.of(Score(480)).cut(3).notes == 0


def test_percentiles_and_verdicts_by_hand() -> None:
    people = People({"melody": [*range(1, 21)]}, None, "notes", 20, 0)
    assert people.at("melody", 95) == 19 and people.at("melody", 50) == 10
    assert people.percentile("melody", 1) == 2.5 and people.percentile("melody", 30) == 100
    assert people.percentile("melody", 20) == 97.5

    def said(*lengths: int, people: People = people) -> str:
        return judge(people, "melody", lengths).verdict

    assert said(20, 40, 40) == "copies" and said(*[40] * 10) == "copies"
    assert said(*[19] * 8) == "no more than people do" and said(*[19] * 7) == "undecided: too few pieces"
    assert said(*[19] * 21, 20, 20, 20) == "no more than people do"
    assert said(40, 40) == said(40) == said() == "undecided: too few pieces"
    assert said(*[40] * 9, people=People({"melody": [1] * 19}, None, "notes", 19, 0)) == "undecided: too few pieces"
    judged = judge(people, "melody", [20, 3, 3, 3])
    assert (judged.above, judged.share, judged.limit) == (1, 0.25, 19)
    # Wilson 1927, as in Newcombe 1998, table I: 81 of 263, 15 of 148.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 5)[0] == 0 and wilson(5, 5)[1] == 1
    both = [judge(people, "melody", [40] * 5), judge(people, "melody", [1] * 9)]
    assert overall(both) == "copies" and overall(both[1:]) == "no more than people do"


def test_an_overfitted_model_copies_and_one_that_writes_alike_does_not(
    tunes: tuple[list[Score], PassageIndex],
) -> None:
    corpus, index = tunes
    rng = np.random.default_rng(5)
    people = human(index, corpus_of_tunes(rng, 40), 150, rng)
    found = copying(people, [shared(index, Lines.of(score).cut(150)) for score in corpus[:6]])
    assert found.verdict == "copies" and set(found.percentiles["melody"]) == {100.0}
    alike = copying(people, [shared(index, Lines.of(score).cut(150)) for score in corpus_of_tunes(rng, 20)])
    assert alike.verdict != "copies"
    told_all = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told_all["pieces"][0]["melody"]["places"][0]["piece"] == "tune 0"
    assert told_all["measures"]["texture"]["verdict"] == "copies"


def test_long_copies_with_changes_are_found_beyond_the_first_look(tunes: tuple[list[Score], PassageIndex]) -> None:
    corpus, index = tunes
    taken = notes_of(corpus[7], 0)
    for at in range(10, 110, 9):
        taken[at] = taken[at][0], taken[at][1] + 1
    near = shared(index, score_of(taken)).near_melody
    assert isinstance(near, Passage) and (near.notes, near.differences) == (120, 12)
