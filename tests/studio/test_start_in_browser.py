"""The start in a browser: what is said where nothing is yet, models and their sound, light and dark, the keyboard, and
what a page says while the studio is away.

Needs Chromium: without one these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import re
import shutil
import signal
from itertools import pairwise

import pytest
from playwright.sync_api import expect
from symusic import Note, Score, Track

from erato import pipeline
from erato.recipes import TINY


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The run folder of a model that learnt for two steps."""
    folder = tmp_path_factory.mktemp("learnt")
    for number in range(12):
        score = Score(480)
        score.tracks.append(Track("Piano", 0, False))
        score.tracks[0].notes.extend(Note(240 * beat, 240, 60 + (number + beat) % 12, 80) for beat in range(32))
        (folder / "pieces").mkdir(exist_ok=True)
        score.dump_midi(folder / "pieces" / f"{number}.mid")
    pipeline.train(TINY["event-transformer"], folder / "pieces", folder / "two-steps")
    return folder / "two-steps"


@pytest.fixture
def with_models(studio, run):
    """That model, and a damaged one, among the runs of the studio while a test lasts."""
    folders = [studio.folder / "runs" / name for name in ("two-steps", "broken")]
    for folder in folders:
        shutil.copytree(run, folder)
    (folders[1] / "recipe.json").write_text("{", "utf-8")
    yield
    for folder in folders:
        shutil.rmtree(folder)


PLACES = ("#/", "#/train", "#/train/bach-chorales", "#/model/two-steps", "#/nowhere")


HEARD = """() => {
  const heard = new Float32Array(2048);
  window.eratoPlayer.analyser.getFloatTimeDomainData(heard);
  return Math.max(...heard.map(Math.abs));
}"""


def card(page, name):
    return page.get_by_role("article", name=name)


def test_an_empty_project_says_what_to_do_next(visit):
    page = visit()
    expect(page.get_by_role("heading", name="Begin with a folder of yours")).to_be_visible()
    expect(page.get_by_role("link", name="Bach chorales")).to_have_attribute("href", "#/train/bach-chorales")
    page.get_by_role("link", name="Train on my music").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What shall it learn from?")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page).to_have_title("What shall it learn from? · Erato")
    expect(page.get_by_role("link", name="Train", exact=True)).to_have_attribute("aria-current", "page")


def test_models_show_how_they_learnt_and_are_heard(with_models, visit):
    page = visit()
    learnt = card(page, "two-steps")
    expect(learnt.get_by_role("link", name="Compose")).to_have_attribute("href", "#/compose/two-steps")
    expect(learnt.get_by_role("img", name=re.compile(r"^Loss on pieces it has not seen: \d"))).to_be_visible()
    assert learnt.locator("svg.curve .dot").count() >= 1
    learnt.get_by_role("button", name="Play a sample of two-steps").click()
    expect(learnt.get_by_role("button", name="Pause a sample of two-steps")).to_be_visible(timeout=60_000)
    begun = page.evaluate("window.eratoPlayer.time")
    loudest = 0
    for _ in range(40):
        loudest = max(loudest, page.evaluate(HEARD))
        page.wait_for_timeout(25)
    assert page.evaluate("window.eratoPlayer.time") > begun and loudest > 0.001
    page.get_by_role("link", name="Train", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What shall it learn from?")
    assert not page.evaluate("window.eratoPlayer.playing")  # what nobody sees any more is silent


def test_a_damaged_model_says_what_is_wrong_with_it(with_models, visit):
    page = visit()
    expect(card(page, "broken").get_by_text("damaged", exact=True)).to_be_visible()
    expect(card(page, "broken")).to_contain_text("recipe.json")
    assert card(page, "broken").get_by_role("link", name="Compose").count() == 0
    page.goto(page.url.split("#")[0] + "#/model/broken")
    expect(page.get_by_role("alert")).to_contain_text("recipe.json")


LEVELS = """[...document.querySelectorAll("main :is(h1, h2, h3, h4, h5)")]
  .filter(heading => heading.checkVisibility()).map(heading => +heading.tagName[1])"""
NAMELESS = """[...document.querySelectorAll("button, a, input:not([type=file]), select")]
  .filter(one => one.checkVisibility() && !(one.ariaLabel || one.textContent.trim() || one.labels?.length))
  .map(one => one.outerHTML)"""
SMALL = """[...document.querySelectorAll("button, .button, nav a")]
  .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 32).map(one => one.outerHTML)"""


@pytest.mark.parametrize("width", [1280, 390])
def test_every_view_fits_and_can_be_named(with_models, visit, studio, width):
    page = visit(width=width)
    for place in PLACES:
        page.goto(f"{studio.base}/{place}")
        expect(page.locator("main:not(.loading) h1")).to_have_count(1)
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        levels = page.evaluate(LEVELS)
        assert levels[0] == 1 and all(after <= before + 1 for before, after in pairwise(levels)), place
        assert page.evaluate(NAMELESS) == [], place
        assert page.evaluate(SMALL) == [], place


def test_light_and_dark_follow_the_system_until_one_chooses(visit):
    page = visit(color_scheme="dark")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(paper) == "rgb(20, 20, 22)"
    switch = page.get_by_role("button", name="Dark colours")
    expect(switch).to_have_attribute("aria-pressed", "true")
    switch.click()
    assert page.evaluate(paper) == "rgb(247, 245, 241)"
    page.reload()
    assert page.evaluate(paper) == "rgb(247, 245, 241)"
    page.get_by_role("button", name="Dark colours").click()
    page.reload()
    assert page.evaluate(paper) == "rgb(20, 20, 22)"


def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit):
    page = visit()
    expect(page.get_by_role("link", name="Bach chorales")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Train on my music")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("What shall it learn from?")


def test_while_the_studio_is_away_the_page_says_so_and_goes_on_afterwards(visit, studio, run):
    visit.expected.append("net::ERR_")
    page = visit()
    expect(page.get_by_role("link", name="Bach chorales")).to_be_visible()
    away = page.locator("#away")
    studio.end(signal.SIGTERM)
    expect(away).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Train", exact=True).click()
    expect(page.locator("main").get_by_text("The studio is not running")).to_be_visible()
    page.get_by_role("link", name="Start", exact=True).click()
    expect(away).to_contain_text("erato studio")
    shutil.copytree(run, studio.folder / "runs" / "meanwhile")
    studio.start()
    expect(away).to_be_hidden(timeout=60_000)
    expect(card(page, "meanwhile")).to_be_visible()


def test_a_page_without_the_key_says_where_it_is(browser, studio):
    context = browser.new_context()
    page = context.new_page()
    page.goto(studio.base)
    expect(page.locator("body")).to_contain_text(re.compile("address|key|token"))
    context.close()
