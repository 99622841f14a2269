"""The page of a listening test in a browser: it plays, takes votes, keeps and saves them, and asks nobody for anything.

Needs Chromium: without one these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import json
import re
from pathlib import Path

import pytest
from symusic import Note, Score, Track

from erato.renderers.listen_page import Pair, Test, listen_page, sounds

PAGE = "00112233aabbccdd"


def score(first):
    """Four notes, two seconds."""
    made = Score(480)
    made.tracks.append(Track("", 0, False))
    made.tracks[0].notes.extend(Note(480 * beat, 480, first + beat, 80) for beat in range(4))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three pairs of three pieces of a second and a half, so that little is enough to vote; and three of texts."""
    made = tmp_path_factory.mktemp("pages")
    pairs = [Pair("q1", "b", "a"), Pair("q2", "a", "c"), Pair("q3", "c", "b")]
    parts = dict(zip("abc", sounds([score(60), score(65), score(70)], 1.5), strict=True))
    said = ["All pieces are equally loud."]
    (made / "music.html").write_text(listen_page(Test(PAGE, pairs, parts, 1.5, True, said)), "utf-8")
    texts = {"a": "</script><script>window.__hacked = 1</script>", "b": "Sing, Muse", "c": "of rage\n" * 200}
    (made / "texts.html").write_text(listen_page(Test("f" * 16, pairs, texts)), "utf-8")
    return made


@pytest.fixture
def visit(browser, folder):
    """Opens a page; at the end nothing may have been asked for, complained of, or popped up."""
    contexts, troubles = [], []

    def opened(name="music.html", context=None, **settings):
        if context is None:
            contexts.append(browser.new_context(**settings))
        page = (context or contexts[-1]).new_page()
        page.on("request", lambda r: r.url.startswith(("data:", "file:")) or troubles.append(f"asked for {r.url}"))
        page.on("console", lambda m: m.type in ("error", "warning") and troubles.append(m.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append("a dialog"), dialog.dismiss()))
        page.goto((folder / name).as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def wait_until(page, what):
    """Waits for a condition in JavaScript; playwright's own way would be stopped by the page's policy."""
    for _ in range(500):
        if page.evaluate(what):
            return
        page.wait_for_timeout(20)
    pytest.fail(f"waited in vain: {what}")


def time_of(page, number):
    return page.evaluate("n => document.querySelectorAll('audio')[n].currentTime", number)


def hear_both(page):
    page.keyboard.press("a")
    wait_until(page, "document.querySelectorAll('audio')[0].currentTime > 0.85")
    page.keyboard.press("b")
    wait_until(page, "!document.querySelector('[data-choice]').disabled")


def chosen(page, kind="choice"):
    return page.evaluate(
        f"[...document.querySelectorAll('[data-{kind}][aria-pressed=true]')].map(b => b.dataset.{kind})"
    )


def saved(page):
    with page.expect_download() as begun:
        page.get_by_role("button", name="Save my votes").click()
    return begun.value.suggested_filename, json.loads(Path(begun.value.path()).read_text("utf-8"))


def test_both_play_by_mouse_one_at_a_time_and_only_then_a_vote_counts(visit):
    page = visit()
    choices = page.locator("[data-choice]")
    assert choices.count() == 3 and all(one.is_disabled() for one in choices.all())
    page.keyboard.press("1")
    assert chosen(page) == []
    page.get_by_role("button", name="Play A", exact=True).click()
    wait_until(page, "document.querySelectorAll('audio')[0].currentTime > 0.2")
    page.get_by_role("button", name="Pause A").wait_for()
    page.get_by_role("slider", name="Position in A").fill("1.4")  # what is skipped was not heard
    page.get_by_role("button", name="Play B", exact=True).click()
    wait_until(page, "document.querySelectorAll('audio')[1].ended")
    assert page.evaluate("document.querySelectorAll('audio')[0].paused")
    assert choices.first.is_disabled()
    page.get_by_role("slider", name="Position in A").fill("0")
    page.get_by_role("button", name="Play A", exact=True).click()
    wait_until(page, "!document.querySelector('[data-choice]').disabled")
    page.get_by_role("button", name="No difference").click()
    assert chosen(page) == ["none"] and page.locator(".count").inner_text() == "1 of 3 voted"
    assert page.locator("[role=progressbar]").get_attribute("aria-valuenow") == "1"


def test_keys_play_vote_and_turn(visit):
    page = visit()
    hear_both(page)
    assert page.evaluate("document.querySelectorAll('audio')[0].paused")
    page.keyboard.press("Space")
    wait_until(page, "document.querySelectorAll('audio')[1].paused")
    stopped = time_of(page, 1)
    page.keyboard.press("ArrowLeft")
    assert time_of(page, 1) == 0 < stopped
    for key, choice in (("1", "a"), ("2", "b"), ("0", "none"), ("2", "b")):
        page.keyboard.press(key)
        assert chosen(page) == [choice]
    page.keyboard.press("Control+1")  # the browser's own
    assert chosen(page) == ["b"]
    page.keyboard.press("n")
    assert page.locator(".place").inner_text() == "Pair 2 of 3" and chosen(page) == [] and time_of(page, 0) == 0
    page.keyboard.press("n")
    assert page.locator(".place").inner_text() == "Pair 3 of 3"
    page.keyboard.press("p")
    page.keyboard.press("p")
    assert page.locator(".place").inner_text() == "Pair 1 of 3" and chosen(page) == ["b"]


def test_votes_outlive_the_page_and_are_saved(visit):
    page = visit()
    hear_both(page)
    page.keyboard.press("1")
    page.locator("[data-person=b]").click()
    page.get_by_role("button", name="Next pair").click()
    page.reload()
    assert page.locator(".place").inner_text() == "Pair 2 of 3"  # the first without a vote
    page.keyboard.press("p")
    assert chosen(page) == ["a"] and chosen(page, "person") == ["b"]
    page.keyboard.press("n")
    hear_both(page)
    page.keyboard.press("0")
    name, said = saved(page)
    assert said["page"] == PAGE and (said["erato listen"], said["version"]) == ("votes", 1)
    assert said["votes"] == [{"pair": "q1", "choice": "a", "person": "b"}, {"pair": "q2", "choice": "none"}]
    assert re.fullmatch(r"[0-9a-f]{16}", said["listener"]) and name == f"votes-001122-{said['listener'][:6]}.json"
    other = visit("texts.html", page.context)
    assert other.locator(".count").inner_text() == "0 of 3 voted"  # each page keeps its own


def test_what_is_saved_can_be_scored(visit, tmp_path):
    from erato.voting import tally

    page = visit("texts.html")
    for key in ("1", "n", "2", "n", "0"):
        page.keyboard.press(key)
    assert page.get_by_role("heading", name="That was all. Thank you!").is_visible()
    assert page.locator(".next").is_hidden()
    sources = {"a": "one", "b": "two", "c": "one more"}
    pairs = {"q1": {"a": "b", "b": "a"}, "q2": {"a": "a", "b": "c"}, "q3": {"a": "c", "b": "b"}}
    key = {
        "erato listen": "key",
        "version": 1,
        "page": "f" * 16,
        "sources": [{"name": name} for name in sources.values()],
        "pieces": {piece: {"source": name} for piece, name in sources.items()},
        "pairs": pairs,
    }
    (tmp_path / "test.key.json").write_text(json.dumps(key))
    (tmp_path / "votes.json").write_text(json.dumps(saved(page)[1]))
    found = tally([tmp_path / "votes.json"])
    assert found.votes == 3 and found.against["two", "one"].wins == found.against["one more", "one"].wins == 1
    assert found.against["two", "one more"].ties == 1


def test_the_last_pair_leads_to_a_skipped_one(visit):
    page = visit("texts.html")
    for key in ("1", "n", "n", "1"):  # all but the second
        page.keyboard.press(key)
    page.get_by_role("button", name="To a skipped pair").click()
    assert page.locator(".place").inner_text() == "Pair 2 of 3" and chosen(page) == []
    for key in ("2", "n"):
        page.keyboard.press(key)
    assert page.locator(".place").inner_text() == "Pair 3 of 3" and page.locator(".next").is_hidden()
    page.keyboard.press("n")
    assert page.locator(".place").inner_text() == "Pair 3 of 3"


def test_deleting_asks_first_and_begins_anew(visit):
    page = visit("texts.html")
    page.keyboard.press("1")
    before = saved(page)[1]["listener"]
    reset = page.locator(".reset")
    reset.click()
    assert reset.inner_text() == "Really delete them all?" and page.locator(".count").inner_text() == "1 of 3 voted"
    reset.click()
    assert page.locator(".count").inner_text() == "0 of 3 voted" and page.locator(".votes").is_hidden()
    page.reload()
    assert page.locator(".count").inner_text() == "0 of 3 voted" and chosen(page) == []
    page.keyboard.press("2")
    assert saved(page)[1]["listener"] != before


def test_what_was_kept_and_is_damaged_is_passed_over(visit):
    page = visit("texts.html")
    name = f"erato-listen-{'f' * 16}"
    for damaged in ("{", "7", '{"listener": "x", "votes": {}}', '{"listener": "0123456789abcdef", "votes": 3}'):
        page.evaluate("([name, value]) => localStorage.setItem(name, value)", [name, damaged])
        page.reload()
        assert page.locator(".place").inner_text() == "Pair 1 of 3"
    votes = {"q1": {"choice": "a"}, "q2": {"choice": "x"}, "q9": {"choice": "a"}}
    kept = json.dumps({"listener": "0123456789abcdef", "votes": votes})
    page.evaluate("([name, value]) => localStorage.setItem(name, value)", [name, kept])
    page.reload()
    assert saved(page)[1]["votes"] == [{"pair": "q1", "choice": "a"}]


def test_a_browser_that_keeps_nothing_says_so(visit):
    page = visit("texts.html")
    page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    page.reload()
    assert "save your votes before you close" in page.locator(".trouble").inner_text()
    page.keyboard.press("1")
    assert saved(page)[1]["votes"] == [{"pair": "q1", "choice": "a"}]


def test_texts_are_shown_as_they_stand(visit):
    page = visit("texts.html")
    shown = page.locator("pre").all_inner_texts()
    assert shown == ["Sing, Muse", "</script><script>window.__hacked = 1</script>"]
    assert page.evaluate("window.__hacked") is None


@pytest.mark.parametrize("name", ["music.html", "texts.html"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_nothing_reaches_over_the_edge(visit, name, width):
    page = visit(name, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    wide = "[...document.querySelectorAll('button')].filter(one => one.scrollWidth > one.clientWidth + 1)"
    assert page.evaluate(f"{wide}.map(one => one.textContent)") == []


def test_everything_has_a_name_for_a_screen_reader(visit):
    page = visit()
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    nodes = [node for node in tree["nodes"] if not node["ignored"]]
    named = [(node["role"]["value"], node["name"]["value"]) for node in nodes if "name" in node]
    assert {"button", "slider", "heading", "progressbar", "article", "group"} <= {role for role, _ in named}
    assert [role for role, text in named if role in ("button", "slider", "progressbar") and not text.strip()] == []
    assert ("group", "Which do you like better?") in named and ("group", "Piece A") in named


def test_focus_is_seen(visit):
    page = visit("texts.html")
    page.keyboard.press("Tab")
    for _ in range(6):
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert page.evaluate("document.activeElement === document.body") or outline == "solid"
        page.keyboard.press("Tab")


CONTRAST = """() => {
    const parsed = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        for (let e = element; e; e = e.parentElement) {
            const found = parsed(getComputedStyle(e).backgroundColor);
            if (found.length === 3) return found;
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("script, style")) continue;
        const pair = [parsed(getComputedStyle(element).color), behind(element)].map(light).sort((a, b) => a - b);
        found.push([(pair[1] + 0.05) / (pair[0] + 0.05), walker.currentNode.data.trim().slice(0, 30)]);
    }
    return found.sort((a, b) => a[0] - b[0]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_can_be_read(visit, scheme):
    page = visit("texts.html", color_scheme=scheme)
    page.keyboard.press("1")
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 20 and ratios[0][0] >= 4.5, ratios[:3]


def test_without_scripts_it_says_what_it_needs(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_text("needs JavaScript").is_visible() and page.locator("button:visible").count() == 0
