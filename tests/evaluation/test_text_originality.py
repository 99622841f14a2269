"""What texts share with a corpus: against loops over the definition, on texts written here, and on awkward ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from erato.errors import RunError, UsageError
from erato.evaluation.people import copying
from erato.evaluation.text_originality import TextIndex, human_text, shared_text

FABLE = """A fox saw ripe grapes hang
from a vine high above his head, and he
jumped for them again and again; he could not
reach them. "They are sour," said he."""
RHYME = """Twinkle, twinkle, little star,
how I wonder what you are!
Up above the world so high,
like a diamond in the sky."""


@pytest.fixture(scope="module")
def index() -> TextIndex:
    return TextIndex.build([("fable.txt", "fables", FABLE), ("rhyme.txt", "rhymes", RHYME)])


def test_words_without_case_and_punctuation(index: TextIndex) -> None:
    found = shared_text(index, "Well:\nTHEY ARE -- sour! Said   he, and she\nlaughed").words
    assert found is not None and (found.length, found.lines) == (5, (2, 2))
    assert found.text == "THEY ARE -- sour! Said   he"
    assert [(place.text, place.lines) for place in found.places] == [("fable.txt", (4, 4))]


def test_characters_as_they_are_and_over_lines(index: TextIndex) -> None:
    found = shared_text(index, "xx ar,\nhow I wondeR xx").characters
    assert found is not None and found.text == "ar,\nhow I wonde" and found.length == 15
    assert [(place.text, place.lines) for place in found.places] == [("rhyme.txt", (1, 2))]
    assert found.lines == (1, 2)


def test_nothing_is_shared_across_texts_or_with_unknown_words(index: TextIndex) -> None:
    found = shared_text(index, "said he twinkle twinkle")
    assert found.words is not None and found.words.length == 2 and len(found.words.places) == 1
    nothing = shared_text(index, "ZZZ 123 ΩΩΩ 🎵🎵")
    assert nothing.words is None and nothing.characters is not None and nothing.characters.text == " "
    assert shared_text(index, "ZZZ🎵").lengths() == {"words": 0, "characters": 0}


@pytest.mark.parametrize("seed", range(5))
def test_the_longest_runs_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def text(size: int) -> str:
        return "".join(rng.choice(list("ab b\n"), size))

    corpus = [text(80) for _ in range(3)]
    index = TextIndex.build((f"text {n}", f"group {n}", one) for n, one in enumerate(corpus))
    query = text(90)
    for exclude in ((), ("group 0",)):
        others = corpus[1:] if exclude else corpus
        found = shared_text(index, query, exclude)
        runs = {query[a:b] for a in range(90) for b in range(a + 1, 91) if any(query[a:b] in one for one in others)}
        longest = max(map(len, runs))
        assert found.characters is not None and found.characters.length == longest
        assert found.characters.text in runs
        told = [f" {' '.join(one.split())} " for one in others]
        words = query.split()
        shared = [
            b - a
            for a in range(len(words))
            for b in range(a + 1, len(words) + 1)
            if any(f" {' '.join(words[a:b])} " in one for one in told)
        ]
        assert found.lengths()["words"] == max(shared, default=0)


def test_what_is_opened_answers_as_what_was_saved(index: TextIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index")
    opened = TextIndex.open(tmp_path / "index")
    for text in (FABLE, RHYME, "the world so high above", "nothing of it", ""):
        assert shared_text(opened, text) == shared_text(index, text)
    assert [opened.text(0), opened.text(1)] == [FABLE, RHYME]
    TextIndex.build([]).save(tmp_path / "index")
    assert shared_text(TextIndex.open(tmp_path / "index"), FABLE).lengths() == {"words": 0, "characters": 0}
    path = tmp_path / "index" / "characters.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError, match="is damaged"):
        TextIndex.open(tmp_path / "index")
    with pytest.raises(RunError, match="there is no index in"):
        TextIndex.open(tmp_path / "elsewhere")


def random_words(rng: np.random.Generator, count: int) -> str:
    return " ".join(f"w{number}" for number in rng.integers(0, 40, count))


def test_people_are_pieces_of_held_out_texts_as_long_as_the_generated_ones() -> None:
    rng = np.random.default_rng(0)
    training = random_words(rng, 4000)
    index = TextIndex.build([("novel", "novel", training)])
    people = human_text(index, [random_words(rng, 3000)], 200, rng)
    assert people.held_out >= 40 and "cut to 200 characters each" in people.said
    copied = copying(people, [shared_text(index, training[at : at + 200]) for at in range(0, 2000, 400)])
    assert copied.verdict == "copies" and copied.judged["words"].above == 5
    fresh = copying(people, [shared_text(index, random_words(rng, 50)) for _ in range(12)])
    assert fresh.verdict != "copies"
    json.dumps(copied.to_json(), allow_nan=False)
    songs = TextIndex.build((f"song {n}", f"song {n}", random_words(rng, 60)) for n in range(30))
    few = human_text(songs, [random_words(rng, 60)], None, rng)
    assert (few.held_out, few.left_out) == (1, 30) and max(few.lengths["words"]) < 30


def test_awkward_texts_have_defined_answers(index: TextIndex) -> None:
    for text in ("", " ", "\n\n", "...", "\udc80", "a" * 3):
        json.dumps(shared_text(index, text).lengths())
    strange = TextIndex.build(
        [("empty", "e", ""), ("dots", "d", "..."), ("odd", "o", "\udc80🎵é"), ("a", "a", "a" * 4500)]
    )
    assert shared_text(strange, "\udc80🎵é").lengths()["characters"] == 3
    assert shared_text(strange, "a" * 4600).lengths() == {"words": 0, "characters": 4500}
    assert strange.text(2) == "\udc80🎵é"
    nobody = human_text(TextIndex.build([]), [], 100, np.random.default_rng(0))
    assert len(nobody) == 0 and copying(nobody, []).verdict == "undecided: too few pieces"
    with pytest.raises(UsageError, match="length must be 1 character or more"):
        human_text(index, [], 0, np.random.default_rng(0))


def test_an_apostrophe_is_part_of_its_word() -> None:
    index = TextIndex.build([("talk", "talk", "I don’t know what it's for")])
    found = shared_text(index, "i Don't know!").words
    assert found is not None and found.length == 3
    assert shared_text(index, "don t it s").lengths()["words"] == 0
