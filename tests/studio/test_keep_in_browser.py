"""The history of takes in a browser, against a real studio: found, named, starred, thrown away, compared, taken along.

Needs Chromium: without one these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect
from symusic import Score

QUARTER = 480
HOSTILE = '<b onclick="window.__hacked = 1">Bold</b> & \u202ename'


def score(*pitches, tempo=120.0):
    notes = [[QUARTER * beat, QUARTER, pitch, 80] for beat, pitch in enumerate(pitches)]
    track = {"name": "Piano", "program": 0, "drums": False, "notes": notes}
    meter = {"time_signatures": [[0, 4, 4]], "key_signatures": []}
    return {"ticks_per_quarter": QUARTER, "tempos": [[0, tempo]], **meter, "tracks": [track]}


@pytest.fixture
def keep(studio):
    """Puts a piece into the studio; gives its id."""

    def kept(title, parent=None, piece=None, text=None, **said):
        body = {"title": title, "how": "edited" if parent else "drawn", **({"parent": parent} if parent else {})}
        body |= {"score": piece or score(60, 62)} if text is None else {"text": text}
        answer = studio.client.post("/api/takes", json=body)
        assert answer.status_code == 201, answer.text
        if said:
            assert studio.client.patch(f"/api/takes/{answer.json()['id']}", json=said).status_code == 200
        return answer.json()["id"]

    return kept


@pytest.fixture
def family(keep, request):
    """A take, two made of it, and one made of the first of these; their names begin with that of the test."""
    name = request.node.name[5:17]
    root = keep(f"{name} root")
    left = keep(f"{name} left", root)
    return {
        "name": name,
        "root": root,
        "left": left,
        "right": keep(f"{name} right", root),
        "leaf": keep(f"{name} leaf", left),
    }


def opened(visit, name, place="#/keep", **settings):
    """The page with only the takes of one test."""
    page = visit(place, **settings)
    page.get_by_role("searchbox", name="Find takes").fill(name)
    return page


def names(page):
    return page.locator(".history-name").all_inner_texts()


def test_an_empty_history_says_how_to_begin(visit):
    page = visit("#/keep")
    expect(page.get_by_role("heading", name="No takes yet")).to_be_visible()
    page.locator(".empty").get_by_role("link", name="Compose").click()
    expect(page).to_have_url(re.compile("#/compose"))


def test_the_history_branches_and_is_walked_with_keys(visit, family):
    page = opened(visit, family["name"])
    rows = page.get_by_role("treeitem")
    expect(rows).to_have_count(4)
    name = family["name"]
    # The longest line goes straight on, under the branch that turns off.
    assert names(page) == [f"{name} {one}" for one in ("root", "right", "left", "leaf")]
    assert [row.get_attribute("aria-level") for row in rows.all()] == ["1", "2", "2", "3"]
    rows.first.click()
    title = page.get_by_label("Title")
    for key, one in (("ArrowDown", "right"), ("End", "leaf"), ("ArrowLeft", "left"), ("ArrowLeft", "left")):
        page.keyboard.press(key)
        expect(title).to_have_value(f"{name} {one}")
    expect(rows).to_have_count(3)  # the last key closed what came from it
    expect(page.get_by_text("+1")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(title).to_have_value(f"{name} leaf")
    expect(page.locator("[role=treeitem]:focus")).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name=f"{name} left").click()  # came from
    expect(title).to_have_value(f"{name} left")
    page.get_by_role("link", name="Edit").click()
    expect(page).to_have_url(re.compile(f"#/edit/{family['left']}"))


def test_a_take_is_named_starred_tagged_and_noted_where_it_stands(visit, studio, keep):
    id = keep("Plain")
    page = visit(f"#/keep?take={id}")
    title = page.get_by_label("Title")

    def stored(**expected):
        for _ in range(200):
            take = studio.client.get(f"/api/takes/{id}").json()
            if expected.items() <= take.items():
                return
            page.wait_for_timeout(20)
        pytest.fail(f"{expected} is not in {take}")

    title.fill("Not this")
    title.press("Escape")
    expect(title).to_have_value("Plain")
    title.fill(HOSTILE)
    title.press("Enter")
    stored(title=HOSTILE)
    expect(page.locator(f"[role=treeitem][data-take='{id}'] .history-name")).to_have_text(HOSTILE)
    page.get_by_role("button", name=re.compile("^Star")).click()
    stored(starred=True)
    expect(page.get_by_role("button", name=re.compile("^Star"), pressed=True)).to_be_visible()
    tag = page.get_by_label("Tags")
    for word in ("waltz", "<i>", "waltz"):
        tag.fill(word)
        tag.press("Enter")
        expect(page.get_by_role("button", name=f"Remove the tag {word}")).to_have_count(1)
    stored(tags=["<i>", "waltz"])
    page.get_by_role("button", name="Remove the tag <i>").click()
    stored(tags=["waltz"])
    page.get_by_label("Note", exact=True).fill("for Anna")
    title.focus()
    stored(note="for Anna", title=HOSTILE)
    assert page.evaluate("window.__hacked") is None and page.locator("main b, main i").count() == 0


def test_takes_are_found_by_words_tags_and_stars(visit, keep, family):
    keep("Found quickly", note="about a heron", tags=["lake"], starred=True)
    page = visit("#/keep")
    rows, search = page.get_by_role("treeitem"), page.get_by_role("searchbox", name="Find takes")
    search.fill("HERON")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Found quickly")
    search.fill(f"{family['name']} leaf")
    expect(rows).to_have_count(3)  # with what it came from, which is pale
    assert [("is-dim" in row.get_attribute("class")) for row in rows.all()] == [True, True, False]
    search.fill("no such thing")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    search.fill("")
    expect(rows.first).to_be_visible()
    page.get_by_label("With the tag").select_option("lake")
    expect(rows).to_have_count(1)
    page.get_by_label("With the tag").select_option("")
    page.get_by_role("checkbox", name="Starred").check()
    expect(page.get_by_role("treeitem", name="Found quickly")).to_be_visible()
    expect(page.get_by_role("treeitem", name=family["name"])).to_have_count(0)


def test_what_is_thrown_away_is_hidden_and_comes_back(visit, studio, family):
    page = opened(visit, family["name"])
    page.get_by_role("treeitem", name=f"{family['name']} right").click()
    page.get_by_role("button", name="Throw away").click()
    expect(page.get_by_role("treeitem")).to_have_count(3)
    assert studio.client.get(f"/api/takes/{family['right']}").json()["status"] == "discarded"
    page.get_by_label("Thrown away, too").check()
    page.get_by_role("treeitem", name="thrown away").click()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_role("treeitem", name="thrown away")).to_have_count(0)
    assert studio.client.get(f"/api/takes/{family['right']}").json()["status"] == "kept"


def test_takes_that_are_made_elsewhere_come_by_themselves(visit, keep):
    keep("First of all")
    page = opened(visit, "elsewhere")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    keep("made elsewhere")
    expect(page.get_by_role("treeitem", name="made elsewhere")).to_be_visible()


def test_two_takes_are_heard_at_the_same_place_and_differ_where_they_do(visit, keep):
    first = keep("Up", piece=score(*range(60, 76)))
    second = keep("Up and down", first, piece=score(*range(60, 70), 50, *range(71, 76)), tags=["low"])
    page = opened(visit, "Up")
    for name in ("Choose Up", "Choose Up and down"):
        page.get_by_role("checkbox", name=name, exact=True).check()
    page.get_by_role("link", name="Compare").click()
    expect(page).to_have_url(re.compile("#/compare/"))
    page.evaluate(f"location.hash = '#/compare/{first}/{second}'")
    expect(page.get_by_text("Notes at the same places in both: 15. Only in A: 1. Only in B: 1.")).to_be_visible()
    differs = page.locator("tr.differs th").all_inner_texts()
    assert any("How it came to be" in name for name in differs) and any("Tags" in name for name in differs)
    assert not any("Length" in name or name.startswith("Notes") for name in differs)

    page.get_by_role("button", name="Play A, Up").click()
    pause = page.get_by_role("button", name=re.compile("^Pause"))
    expect(pause).to_have_attribute("aria-label", "Pause A, Up", timeout=30_000)
    page.wait_for_timeout(700)
    at = page.evaluate("[window.eratoPlayer.url, window.eratoPlayer.time]")
    page.keyboard.press("b")
    expect(pause).to_have_attribute("aria-label", "Pause B, Up and down", timeout=30_000)
    then = page.evaluate("[window.eratoPlayer.url, window.eratoPlayer.time, window.eratoPlayer.playing]")
    assert first in at[0] and second in then[0] and then[2] and 0.5 < at[1] <= then[1]
    page.keyboard.press("b")
    expect(pause).to_have_attribute("aria-label", "Pause B, Up and down")  # it plays already
    pause.click()
    expect(page.get_by_role("button", name="Play B, Up and down")).to_be_visible()


def test_texts_are_compared_word_by_word(visit, keep):
    first, second = keep("One", text="the sun is low"), keep("Two", text="the moon is low")
    page = visit(f"#/compare/{first}/{second}")
    expect(page.locator("mark")).to_have_text(["sun", "moon"])
    mixed = visit(f"#/compare/{first}/{keep('Three')}")
    expect(mixed.get_by_role("alert").filter(has_text="cannot be compared")).to_be_visible()


def test_another_take_is_chosen_to_compare_with(visit, family):
    page = opened(visit, family["name"])
    page.get_by_role("treeitem", name=f"{family['name']} left").click()
    page.get_by_role("button", name="Compare with").click()
    expect(page.locator("main").get_by_text("Choose the take to compare")).to_be_visible()
    page.get_by_role("treeitem", name=f"{family['name']} leaf").click()
    expect(page).to_have_url(re.compile(f"#/compare/{family['left']}/{family['leaf']}"))


def test_takes_leave_as_files_and_come_in(visit, keep, tmp_path):
    first = keep("Leaving", piece=score(60, 64, 67))
    page = visit(f"#/keep?take={first}")
    with page.expect_download() as begun:
        page.get_by_role("link", name="MIDI").click()
    assert begun.value.suggested_filename.endswith(".mid")
    found = Score.from_midi(Path(begun.value.path()).read_bytes())
    assert [note.pitch for track in found.tracks for note in track.notes] == [60, 64, 67]

    page.get_by_role("checkbox", name="Choose Leaving").check()
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog", name="Export")
    for name in ("MusicXML", "WAV"):
        dialog.get_by_label(name).uncheck()
    with page.expect_download() as begun:
        dialog.get_by_role("link", name="Save the zip").click()
    expect(dialog).to_have_count(0)
    with zipfile.ZipFile(io.BytesIO(Path(begun.value.path()).read_bytes())) as archive:
        assert [name for name in archive.namelist() if name.endswith((".mid", ".musicxml", ".wav"))] != []
        assert not [name for name in archive.namelist() if name.endswith((".musicxml", ".wav"))]

    (tmp_path / "Arriving.mid").write_bytes(found.dumps_midi())
    page.get_by_role("button", name="Bring in").click()
    page.get_by_label("A piece from a file").set_input_files(tmp_path / "Arriving.mid")
    expect(page.get_by_role("treeitem", name="Arriving")).to_be_visible()
    page.get_by_role("button", name="Bring in").click()
    with page.expect_download() as begun:
        page.get_by_role("link", name="The whole project").click()
    project = tmp_path / "project.zip"
    begun.value.save_as(project)
    page.get_by_label("A project from a zip").set_input_files(project)
    expect(page.get_by_role("status").filter(has_text="Came in")).to_be_visible()

    visit.expected.append("400")
    (tmp_path / "wrong.zip").write_bytes(b"PK no zip")
    page.get_by_role("button", name="Bring in").click()
    page.get_by_label("A project from a zip").set_input_files(tmp_path / "wrong.zip")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()


def test_a_file_that_cannot_be_made_is_said_where_it_was_asked_for(visit, keep):
    page = visit(f"#/keep?take={keep('Stuck')}")
    visit.expected += ["507", "ERR_FAILED"]
    full = {"status": 507, "json": {"error": "the disk is full: make room, and try again."}}
    page.route("**/export/wav", lambda route: route.fulfill(**full))
    page.route("**/api/export.zip*", lambda route: route.abort())
    held = []
    page.route("**/export/pdf", lambda route: held.append(route))
    panel = page.locator(".is-panel")
    panel.get_by_role("link", name="WAV").click()
    expect(panel.get_by_role("alert")).to_have_text("The disk is full: make room, and try again.")
    panel.get_by_role("link", name="PDF").click()
    expect(panel.get_by_role("alert")).to_have_count(0)
    expect(panel.get_by_role("link", name="PDF")).to_have_attribute("aria-busy", "true")
    named = {"Content-Disposition": "attachment; filename*=UTF-8''Stuck%20%E2%99%AA.pdf"}
    with page.expect_download() as begun:
        held[0].fulfill(body=b"%PDF", headers=named)
    assert begun.value.suggested_filename == "Stuck ♪.pdf"
    expect(panel.locator("[aria-busy=true]")).to_have_count(0)

    page.get_by_role("checkbox", name="Choose Stuck").check()
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog", name="Export")
    dialog.get_by_role("link", name="Save the zip").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The studio is not running")


def test_on_a_narrow_screen_a_take_lies_over_the_history(visit, family):
    page = opened(visit, family["name"], width=390)
    expect(page.get_by_label("Title")).to_be_hidden()
    page.get_by_role("treeitem", name=f"{family['name']} leaf").click()
    expect(page.get_by_label("Title")).to_have_value(f"{family['name']} leaf")
    page.get_by_role("button", name="All takes").click()
    expect(page.get_by_label("Title")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page = visit(f"#/compare/{family['left']}/{family['leaf']}", width=390)
    expect(page.get_by_role("heading", name="What differs")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_unknown_take_is_named(visit, keep):
    keep("Known")
    page = visit("#/keep?take=nobody")
    expect(page.get_by_role("alert").filter(has_text="There is no take nobody")).to_be_visible()
    visit.expected.append("404")
    page = visit("#/compare/nobody/either")
    expect(page.get_by_role("alert").filter(has_text="there is no take")).to_be_visible()
