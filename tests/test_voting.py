"""Files of votes and keys: what they come to, counted by hand, and what is refused."""

import json

import pytest

from erato.errors import UsageError
from erato.voting import key_of, tally

PAGE = "00112233aabbccdd"
KEY = {
    "erato listen": "key",
    "version": 1,
    "page": PAGE,
    "sources": [{"name": "one"}, {"name": "two"}, {"name": "people"}],
    "pieces": {"p1": {"source": "one"}, "p2": {"source": "two"}, "p3": {"source": "people"}},
    "pairs": {"q1": {"a": "p1", "b": "p2"}, "q2": {"a": "p3", "b": "p1"}, "q3": {"a": "p2", "b": "p3"}},
}


def ballot(listener, *votes, page=PAGE):
    """votes: (pair, choice) or (pair, choice, person)."""
    said = [dict(zip(("pair", "choice", "person"), vote, strict=False)) for vote in votes]
    return {"erato listen": "votes", "version": 1, "page": page, "listener": listener * 16, "votes": said}


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Writes a file; the key lies there already."""
    monkeypatch.chdir(tmp_path)

    def write(name, value):
        (tmp_path / name).write_text(value if isinstance(value, str) else json.dumps(value))
        return tmp_path / name

    write("page.key.json", KEY)
    return write


def test_votes_of_two_listeners(put):
    first = put("1.json", ballot("a", ("q1", "a"), ("q2", "a", "a"), ("q3", "none", "unsure")))
    second = put("2.json", ballot("b", ("q1", "b"), ("q2", "a", "b"), ("q3", "a", "a")))
    found = tally([first, second]).to_json()
    assert (found["page"], found["listeners"], found["votes"], found["notes"]) == (PAGE, 2, 6, [])
    rows = {row["name"]: (row["wins"], row["ties"], row["losses"]) for row in found["sources"]}
    assert rows == {"one": (1, 0, 3), "two": (2, 1, 1), "people": (2, 1, 1)}
    assert [row["name"] for row in found["sources"]] == ["one", "two", "people"]
    pairs = {(row["source"], row["other"]): row for row in found["against"]}
    assert len(pairs) == 6 and pairs["people", "one"]["rate"] == 1
    assert (pairs["two", "people"]["wins"], pairs["two", "people"]["ties"]) == (1, 1)
    assert pairs["two", "people"]["rate"] == 0.75 and pairs["people", "two"]["rate"] == 0.25
    # of four guesses where there was a person: one right, one not told, two wrong
    person = found["person_found"]
    assert (person["wins"], person["ties"], person["losses"]) == (1, 1, 2)
    taken = {name: (row["wins"], row["losses"]) for name, row in found["taken_for_a_person"].items()}
    assert taken == {"one": (1, 1), "two": (1, 1)}
    strengths = {row["name"]: row["strength"]["value"] for row in found["sources"]}
    assert strengths["one"] < strengths["people"] and sum(strengths.values()) == pytest.approx(0, abs=1e-6)


def test_a_listener_counts_once(put):
    early = put("1.json", ballot("a", ("q1", "a")))
    late = put("2.json", ballot("a", ("q1", "b"), ("q2", "a")))
    for files in ([early, late], [late, early]):
        found = tally(files)
        assert (found.listeners, found.votes) == (1, 2) and found.against["two", "one"].wins == 1
        assert found.notes == [f"{early} is of the same listener as {late}: counted once."]
    assert tally([early, early]).notes == [f"{early} is given twice: counted once."]


def test_the_key_is_found_beside_the_votes_or_given(put, tmp_path):
    elsewhere = tmp_path / "post"
    elsewhere.mkdir()
    put("other.key.json", {**KEY, "page": "f" * 16})
    votes = put("post/1.json", ballot("a", ("q1", "a")))
    assert tally([votes]).votes == 1  # in the folder that is open
    (tmp_path / "page.key.json").rename(elsewhere / "here.key.json")
    assert tally([votes]).votes == 1
    (elsewhere / "here.key.json").rename(tmp_path / "hidden.json")
    with pytest.raises(UsageError, match=r"other\.key\.json, which is of another page.*--key"):
        tally([votes])
    assert tally([votes], tmp_path / "hidden.json").votes == 1
    with pytest.raises(UsageError, match=r"another page than .*other\.key\.json"):
        tally([votes], tmp_path / "other.key.json")


def test_the_key_lies_beside_the_page(tmp_path):
    assert key_of(tmp_path / "my.test.html") == tmp_path / "my.test.key.json"


WRONG = {
    "no json": ("{", "holds no JSON"),
    "nested": ("[" * 100_000, "holds no JSON"),
    "another object": ({"votes": []}, "no file of votes"),
    "a list": ([], "no file of votes"),
    "the key": (KEY, "no file of votes"),
    "a later version": ({**ballot("a"), "version": 2}, "version 2"),
    "no votes": (ballot("a"), "there are no votes"),
    "votes are none": ({**ballot("a"), "votes": None}, "damaged"),
    "votes by name": ({**ballot("a"), "votes": {"q1": "a"}}, "damaged"),
    "no listener": ({**ballot("a"), "listener": "me"}, "damaged"),
    "no page": ({**ballot("a"), "page": 3}, "damaged"),
    "another choice": (ballot("a", ("q1", "c")), "damaged"),
    "a list as choice": (ballot("a", ("q1", ["a"])), "damaged"),
    "another guess": (ballot("a", ("q1", "a", "maybe")), "damaged"),
    "a vote twice": (ballot("a", ("q1", "a"), ("q1", "b")), "damaged"),
    "no pair": (ballot("a", (7, "a")), "damaged"),
    "a number": ({**ballot("a"), "votes": [7]}, "damaged"),
    "a pair of no page": (ballot("a", ("q9", "a")), "does not have ..q9"),
    "another page": (ballot("a", ("q1", "a"), page="e" * 16), "no key to the page"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_votes_is_refused_in_one_sentence(put, what):
    content, said = WRONG[what]
    with pytest.raises(UsageError, match=said) as caught:
        tally([put("1.json", content)])
    assert "\n" not in str(caught.value)


def test_files_of_two_pages_are_not_mixed(put):
    files = [put("1.json", ballot("a", ("q1", "a"))), put("2.json", ballot("b", ("q1", "a"), page="e" * 16))]
    with pytest.raises(UsageError, match=r"2\.json is of another page than .*1\.json"):
        tally(files)


@pytest.mark.parametrize(
    "change",
    [
        {"sources": 3},
        {"pieces": []},
        {"pairs": {"q1": {"a": "p1"}}},
        {"pairs": {"q1": {"a": "p1", "b": "p1"}}},
        {"pairs": {"q1": {"a": "p1", "b": "p9"}}},
        {"sources": [{"name": "one"}]},
        {"page": None},
    ],
)
def test_a_damaged_key_is_refused(put, change):
    votes, key = put("1.json", ballot("a", ("q1", "a"))), put("bad.key.json", {**KEY, **change})
    with pytest.raises(UsageError, match=r"bad\.key\.json is damaged"):
        tally([votes], key)
    assert tally([votes]).votes == 1  # it is passed over where it only lies there


def test_missing_and_huge_files(put, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="there is no file"):
        tally([tmp_path / "none.json"])
    with pytest.raises(UsageError, match="give the files of votes"):
        tally([])
    monkeypatch.setattr("erato.voting.MOST_BYTES", 10)
    with pytest.raises(UsageError, match="larger than any file"):
        tally([put("1.json", ballot("a", ("q1", "a")))])
