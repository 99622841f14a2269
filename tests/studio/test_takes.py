"""Takes: a history that branches, in which things are found, and in which no save silently wins."""

import pytest

from erato.errors import UsageError
from erato.studio import takes
from erato.studio.errors import Conflict, NotThere
from erato.studio.project import Project

A, B = "a" * 64, "b" * 64


@pytest.fixture
def connection(tmp_path):
    project = Project(tmp_path / "project")
    with project.connect() as connection:
        yield connection
    project.close()


@pytest.fixture
def add(connection):
    def call(title="", **more):
        return takes.add(connection, **{"kind": "music", "how": "composed", "digest": A, "title": title, **more})

    return call


def test_a_take_says_all_that_it_was_given(connection, add):
    take = add("Waltz", status="offered", job="j1", model="m1", settings={"temperature": 0.9}, facts={"bars": 8})
    assert takes.get(connection, take.id) == take
    assert len(take.id) == 16 and int(take.id, 16) >= 0
    assert take.to_json() == {
        "id": take.id,
        "number": 1,
        "parent": None,
        "kind": "music",
        "how": "composed",
        "title": "Waltz",
        "starred": False,
        "tags": [],
        "note": "",
        "status": "offered",
        "version": 1,
        "created": take.created,
        "changed": take.created,
        "job": "j1",
        "model": "m1",
        "settings": {"temperature": 0.9},
        "facts": {"bars": 8},
        "revisable": False,
    }


@pytest.mark.parametrize(
    "wrong", [{"kind": "video"}, {"how": "stolen"}, {"status": "gone"}, {"title": "x" * 201}, {"parent": "nobody"}]
)
def test_what_no_take_can_be_is_refused(add, wrong):
    with pytest.raises((UsageError, NotThere)):
        add(**wrong)


def test_the_newest_comes_first_a_part_at_a_time(connection, add):
    ids = [add().id for _ in range(5)]
    assert [take.id for take in takes.find(connection)] == ids[::-1]
    assert [take.id for take in takes.find(connection, limit=2, offset=1)] == [ids[3], ids[2]]


def test_words_are_found_wherever_they_stand_whatever_their_case(connection, add):
    one = add("Ährenfeld im Wind", model="bach-0f", settings={"recipe": "pianoroll-lstm"})
    two = add("Other", facts={"recipe": "musegan"})
    takes.change(connection, two.id, note="for Clara's birthday", tags=["Summer 2024", "slow"])

    def found(q):
        return {take.id for take in takes.find(connection, q=q)}

    assert found("ährenfeld") == found("WIND ähren") == found("bach-0f") == found("pianoroll") == {one.id}
    assert found("clara") == found("summer slow") == found("MuseGAN") == {two.id}
    assert found("wind clara") == found("100%") == found("_") == set()
    assert found("") == found("  ") == {one.id, two.id}


def test_each_filter_holds_and_all_hold_together(connection, add):
    parent = add("root")
    child = add("child", kind="text", parent=parent.id, model="m", job="j", status="offered")
    takes.change(connection, child.id, starred=True, tags=["x"])
    one = [child.id]
    for wanted in ({"tag": "x"}, {"starred": True}, {"status": "offered"}, {"model": "m"}, {"kind": "text"}):
        assert [take.id for take in takes.find(connection, **wanted)] == one
    assert [take.id for take in takes.find(connection, parent=parent.id, job="j")] == one
    assert takes.find(connection, parent=parent.id, job="other") == []
    assert [take.id for take in takes.find(connection, starred=False)] == [parent.id]


def test_what_is_said_of_a_take_can_be_changed_and_nothing_else(connection, add):
    take = add("before")
    changed = takes.change(
        connection,
        take.id,
        title="  Of\nan  evening ",
        starred=True,
        tags=[" b ", "a", "b", ""],
        note="n\n",
        status="kept",
    )
    assert (changed.title, changed.starred, changed.tags, changed.note) == ("Of an evening", True, ("a", "b"), "n\n")
    assert changed.version == 1 and changed.digest == A and changed.changed >= take.changed
    assert takes.change(connection, take.id, starred=False).tags == ("a", "b")
    assert takes.change(connection, take.id, tags=[]).tags == ()


@pytest.mark.parametrize(
    "wrong",
    [{"status": "lost"}, {"title": "x" * 201}, {"note": "x" * 10_001}, {"tags": ["x" * 51]}, {"tags": "abc" * 40}],
)
def test_what_cannot_be_said_of_a_take_is_refused(connection, add, wrong):
    take = add()
    wrong = {**wrong, "tags": [str(n) for n in range(51)]} if wrong.get("tags") == "abc" * 40 else wrong
    with pytest.raises(UsageError):
        takes.change(connection, take.id, **wrong)


def test_markup_and_quotes_stay_what_they_are(connection, add):
    said = "<script>alert(1)</script> '; DROP TABLE takes; --"
    take = add(said)
    takes.change(connection, take.id, tags=["'\"%_"], note=said)
    found = takes.find(connection, q="drop table", tag="'\"%_")
    assert [(one.title, one.note) for one in found] == [(said, said)]


def test_half_characters_do_not_break_what_is_kept(connection, add):
    take = add("a\ud800b\0", settings={"x\ud800": "\udfff"}, facts={"log_prob": float("nan")})
    assert (take.title, take.settings, take.facts) == ("a?b", {"x?": "?"}, {"log_prob": None})


@pytest.mark.parametrize("how", takes.REVISED)
def test_what_was_made_by_hand_is_saved_in_place(connection, add, how):
    take = add(how=how)
    assert take.revisable
    saved = takes.revise(connection, take.id, 1, B)
    assert (saved.id, saved.version, saved.digest, saved.number) == (take.id, 2, B, 1)


def test_the_later_of_two_saves_of_one_version_is_refused_with_what_is_there(connection, add):
    take = add(how="edited")
    takes.revise(connection, take.id, 1, B)
    with pytest.raises(Conflict, match="saved elsewhere") as refused:
        takes.revise(connection, take.id, 1, "c" * 64)
    assert refused.value.take.version == 2 and refused.value.take.digest == B
    assert takes.get(connection, take.id).digest == B


@pytest.mark.parametrize("how", ["composed", "imported"])
def test_what_was_composed_or_imported_stays_as_it_is(connection, add, how):
    take = add(how=how)
    with pytest.raises(Conflict, match="as a new take"):
        takes.revise(connection, take.id, 1, B)


def test_what_others_go_on_from_stays_as_it_is(connection, add):
    take = add(how="edited")
    add(how="edited", parent=take.id)
    assert not takes.get(connection, take.id).revisable
    with pytest.raises(Conflict, match="other takes go on from it"):
        takes.revise(connection, take.id, 1, B)


def test_what_only_discarded_takes_went_on_from_may_be_changed(connection, add):
    take = add(how="written")
    child = add(how="composed", parent=take.id, status="discarded")
    assert takes.revise(connection, take.id, 1, B).digest == B
    takes.change(connection, child.id, status="kept")
    assert not takes.get(connection, take.id).revisable


def test_what_is_not_there_is_said_so(connection):
    for call in (
        lambda: takes.get(connection, "nobody"),
        lambda: takes.change(connection, "nobody", starred=True),
        lambda: takes.revise(connection, "nobody", 1, A),
    ):
        with pytest.raises(NotThere, match="no take 'nobody'"):
            call()


def test_whoever_asks_is_told_what_is_new_or_changed(connection, add):
    one, two = add(how="edited"), add(how="edited")
    newest = connection.execute("SELECT change FROM counter").fetchone()[0]
    assert takes.changes(connection, 0) == [one.id, two.id] and takes.changes(connection, newest) == []
    takes.change(connection, one.id, starred=True)
    assert takes.changes(connection, newest) == [one.id]
    takes.revise(connection, two.id, 1, B)
    assert takes.changes(connection, newest) == [one.id, two.id]
    child = add(parent=two.id)
    assert set(takes.changes(connection, newest)) == {one.id, two.id, child.id}  # its parent is fixed from now on
