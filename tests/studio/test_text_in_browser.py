"""Writing in a browser, against a real studio: words are saved by themselves, a model goes on behind the cursor; what
it offers is taken, taken word by word, or refused; and nothing is lost where two pages write in one text.

Needs Chromium: without one these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import re

import pytest
from playwright.sync_api import expect
from tests.conftest import song

from erato import pipeline
from erato.recipes import TINY

HOSTILE = '<img src=x onerror="window.__hacked = 1"> & </textarea>'


@pytest.fixture(scope="module")
def model(studio):
    """A model of words, of the project, that goes on at once."""
    songs = studio.folder.with_name("songs")
    songs.mkdir()
    for number in range(12):
        (songs / f"song{number:02d}.txt").write_text(song(number), "utf-8")
    return pipeline.train(TINY["char-lstm"], songs, studio.folder / "runs" / "songs", steps=20).folder.name


@pytest.fixture
def written(studio):
    """Puts a text into the studio; gives its take."""

    def kept(text="The sun", **more):
        answer = studio.client.post("/api/takes", json={"how": "written", "text": text, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return kept


class Writing:
    """A page in which somebody writes."""

    def __init__(self, page, studio):
        self.page, self.studio = page, studio
        self.pen, self.ghost, self.state = (
            page.locator(".pen"),
            page.locator(".ghost"),
            page.locator(".writing-head [role=status]"),
        )
        expect(self.pen).to_be_visible()

    def offered(self, length=40):
        """What the model offers, once it has ended."""
        self.page.get_by_label("How long").fill(str(length))
        self.page.get_by_role("button", name="Continue from here").click()
        expect(self.page.get_by_role("button", name="Take it")).to_be_enabled(timeout=60_000)
        expect(self.page.locator(".offer [role=status]")).to_have_text("", timeout=60_000)
        return self.ghost.text_content()

    def saved(self):
        """The id of the take that has the text, once it is saved."""
        expect(self.state).to_have_text("Saved")
        return re.search(r"#/text/(\w+)", self.page.url)[1]

    def text_of(self, id):
        return self.studio.client.get(f"/api/takes/{id}/piece").json()["text"]

    def take(self, id):
        return self.studio.client.get(f"/api/takes/{id}").json()


@pytest.fixture
def write(visit, studio):
    return lambda place="#/text/new", **settings: Writing(visit(place, **settings), studio)


def made_of(studio, id):
    return studio.client.get("/api/takes", params={"parent": id}).json()["takes"]


def test_what_is_written_is_saved_by_itself_and_is_there_again(write, studio):
    desk = write()
    expect(desk.state).to_have_text("Not saved yet")
    desk.page.get_by_label("Title").fill("Rain")
    desk.pen.press_sequentially("Three small words\n")
    expect(desk.page.get_by_text("3 words")).to_be_visible()
    id = desk.saved()
    take = desk.take(id)
    assert (take["how"], take["title"], take["parent"]) == ("written", "Rain", None)
    assert desk.text_of(id) == "Three small words\n"
    desk.pen.press_sequentially(HOSTILE)
    expect(desk.state).to_have_text("Saving …")
    assert desk.saved() == id and desk.text_of(id) == f"Three small words\n{HOSTILE}"  # in place
    with desk.page.expect_response(lambda answer: answer.request.method == "PATCH"):
        desk.page.get_by_label("Title").fill(HOSTILE)
        desk.pen.focus()
    desk.page.reload()
    expect(desk.pen).to_have_value(f"Three small words\n{HOSTILE}")
    expect(desk.page.get_by_label("Title")).to_have_value(HOSTILE)
    assert desk.page.evaluate("window.__hacked") is None
    desk.pen.press("Control+End")
    desk.pen.press_sequentially(" more")
    with desk.page.expect_response(lambda answer: answer.request.method == "PUT"):
        desk.page.goto(f"{studio.base}/#/keep")  # at once: what is not saved yet goes out
    assert desk.text_of(id).endswith(" more")


def test_what_is_offered_is_taken_and_the_history_knows(write, studio, model, written):
    first = written(title="A song")
    desk = write(f"#/text/{first['id']}")
    words = desk.offered()
    assert len(words) == 40 and desk.pen.input_value() == "The sun"
    desk.page.keyboard.press("Tab")
    expect(desk.pen).to_have_value(f"The sun{words}")
    expect(desk.ghost).to_have_text("")
    expect(desk.pen).to_be_focused()
    expect(desk.page).not_to_have_url(re.compile(first["id"]))
    last = desk.take(desk.saved())
    composed = desk.take(last["parent"])
    assert desk.text_of(last["id"]) == f"The sun{words}" and last["title"] == "A song"
    assert (composed["how"], composed["status"], composed["model"]) == ("composed", "kept", model)
    assert composed["parent"] == first["id"] and desk.text_of(first["id"]) == "The sun"


def test_words_are_taken_one_at_a_time_and_the_rest_is_refused(write, studio, model, written):
    first = written("Oh ")
    desk = write(f"#/text/{first['id']}")
    words = desk.offered(60)
    so_far = "Oh "
    for _ in range(2):
        word = re.match(r"\s*\S+(?=\s|$)|\s+", words)[0]
        desk.page.keyboard.press("Control+ArrowRight")
        so_far, words = so_far + word, words[len(word) :]
        expect(desk.pen).to_have_value(so_far)
        assert desk.ghost.text_content() == words
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator(".leaf.is-offering")).to_have_count(0)
    expect(desk.pen).to_have_value(so_far)
    assert desk.text_of(desk.saved()) == so_far
    assert [take["status"] for take in made_of(studio, first["id"]) if take["how"] == "composed"] == ["kept"]


def test_what_is_refused_changes_nothing(write, studio, model, written):
    first = written("The moon")
    desk = write(f"#/text/{first['id']}")
    desk.offered()
    with desk.page.expect_response("**/api/takes/*") as answer:
        desk.page.get_by_role("button", name="Refuse").click()
    assert answer.value.request.post_data_json == {"status": "discarded"}
    expect(desk.pen).to_have_value("The moon")
    assert [take["status"] for take in made_of(studio, first["id"])] == ["discarded"]

    desk.offered()
    desk.page.keyboard.type("!")  # who writes on has refused
    expect(desk.pen).to_have_value("The moon!")
    expect(desk.page.locator(".offer")).to_be_hidden()
    assert desk.saved() == first["id"] and desk.text_of(first["id"]) == "The moon!"  # in place: nothing goes on from it


def test_what_is_refused_on_an_empty_leaf_leaves_it_empty(write, model):
    desk = write()
    desk.offered()
    with desk.page.expect_response("**/api/takes/*") as answer:
        desk.page.get_by_role("button", name="Refuse").click()
    assert answer.value.json()["status"] == "discarded"
    expect(desk.page.get_by_role("alert")).to_have_count(0)
    desk.pen.press_sequentially("Mine")
    assert desk.text_of(desk.saved()) == "Mine"


def test_a_text_is_gone_on_with_where_the_cursor_stands(write, model, written):
    desk = write(f"#/text/{written('Begin. End.')['id']}")
    desk.pen.evaluate("pen => pen.setSelectionRange(6, 6)")
    words = desk.offered()
    assert desk.page.locator(".under").text_content() == f"Begin.{words} End.\n"
    desk.page.get_by_role("button", name="Take it").click()
    expect(desk.pen).to_have_value(f"Begin.{words} End.")


def test_refused_before_it_has_come_nothing_is_left_of_it(write, studio, model, written):
    first = written("Wait")
    desk = write(f"#/text/{first['id']}")
    desk.page.get_by_label("How long").fill("20000")
    with desk.page.expect_response("**/api/compose") as answer:
        desk.page.get_by_role("button", name="Continue from here").click()
    expect(desk.page.locator(".leaf.is-offering")).to_have_count(1)
    desk.page.keyboard.press("Escape")
    assert studio.job(answer.value.json()["id"])["state"] == "cancelled"
    assert made_of(studio, first["id"]) == [] and desk.pen.input_value() == "Wait"


def test_two_pages_write_in_one_text_and_the_later_one_is_asked(write, visit, written):
    first = written("Ours")
    one, two = (write(f"#/text/{first['id']}") for _ in range(2))
    one.pen.press_sequentially(" mine")
    assert one.saved() == first["id"]
    visit.expected.append("409")
    two.pen.press_sequentially(" yours")
    alert = two.page.get_by_role("alert").filter(has_text=re.compile("."))
    expect(alert.first).to_be_visible()
    expect(two.state).to_have_text("Not saved")
    assert two.text_of(first["id"]) == "Ours mine"
    two.page.get_by_role("button", name="Keep mine as a new take").click()
    expect(two.page).not_to_have_url(re.compile(first["id"]))
    id = two.saved()
    assert two.text_of(id) == "Ours yours" and two.take(id)["parent"] == first["id"]
    assert two.text_of(first["id"]) == "Ours mine"

    three, four = (write(f"#/text/{id}") for _ in range(2))
    three.pen.press_sequentially(" again")
    assert three.saved() == id
    four.pen.press_sequentially(" lost")
    four.page.get_by_role("button", name="Show the other").click()
    expect(four.pen).to_have_value("Ours yours again")
    four.pen.press_sequentially(".")
    assert four.saved() == id and four.text_of(id) == "Ours yours again."


def test_what_goes_wrong_is_said_and_the_words_stay(write, visit, model):
    desk = write()
    visit.expected += ["507", "429"]
    full = {"status": 507, "json": {"error": "the disk is full: make room, and try again."}}
    desk.page.route("**/api/takes", lambda route: route.fulfill(**full))
    desk.pen.press_sequentially("Stay")
    expect(desk.page.get_by_role("alert").first).to_have_text("The disk is full: make room, and try again.")
    expect(desk.state).to_have_text("Not saved")
    desk.page.unroute("**/api/takes")
    desk.pen.press_sequentially(" here")
    assert desk.text_of(desk.saved()) == "Stay here"
    expect(desk.page.get_by_text("The disk is full")).to_have_count(0)
    many = {"status": 429, "headers": {"Retry-After": "3"}, "json": {"error": "too many jobs wait."}}
    desk.page.route("**/api/compose", lambda route: route.fulfill(**many))
    desk.page.get_by_role("button", name="Continue from here").click()
    expect(desk.page.get_by_role("alert").first).to_have_text("Too many jobs wait. Try again in 3 seconds.")
    expect(desk.page.locator(".offer")).to_be_hidden()
    expect(desk.pen).to_have_value("Stay here")


def test_without_a_model_of_words_the_way_leads_to_training(visit):
    page = visit()
    page.route("**/api/models", lambda route: route.fulfill(json={"models": []}))
    page.evaluate("location.hash = '#/text/new'")
    expect(page.get_by_role("heading", name="No model of words yet")).to_be_visible()
    expect(page.get_by_role("link", name="Train a model")).to_have_attribute("href", "#/train")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(write, width):
    assert write(width=width).page.evaluate("document.documentElement.scrollWidth") <= width
