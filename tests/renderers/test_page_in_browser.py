"""The page in a browser: opened from disk it plays, the playhead goes with the sound, and nothing is asked of anyone.

Needs Chromium: without one these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from symusic import Note, Score, Tempo, TimeSignature, Track

from erato.renderers.base import About
from erato.renderers.page import Page, fragment_of, write_page_of

HOSTILE = '"><script>window.__hacked = 1</script><img src=x onerror="window.__hacked = 2; alert(1)">\' & \u202egnp.exe'
SHOWN = " ".join(HOSTILE.replace("\u202e", " ").split())
FIRST, SECOND = 2.0, 20.0  # seconds at which the two notes of `score` begin
LENGTH = 32.0


def score(name: str = "Flute") -> Score:
    """Twelve bars of 4/4, eight at 120 quarters a minute and four at 60: a note in bar 2, many in bars 4 to 7, one in
    bar 10."""
    made = Score(480)
    made.time_signatures.append(TimeSignature(0, 4, 4))
    made.tempos.append(Tempo(0, 120))
    made.tempos.append(Tempo(8 * 1920, 60))
    track = Track(name, 73, False)
    for bar in (1, 9):
        track.notes.append(Note(bar * 1920, 960, 67, 100))
    for onset in range(3 * 1920, 7 * 1920, 120):
        track.notes.extend(Note(onset, 120, 50 + onset // 120 % 12 + above, 90) for above in (0, 5, 9, 14))
    track.notes.append(Note(12 * 1920 - 480, 480, 60, 100))
    made.tracks.append(track)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One piece, three to compare with hostile names, and two fragments in one document."""
    made = tmp_path_factory.mktemp("pages")
    facts = {"recipe": "event-transformer", "licence": "public domain"}
    Page().write(score(), made / "one.html", About("One piece", facts, {"seed": 3}))
    several = [
        (HOSTILE, score(HOSTILE), About(HOSTILE, {HOSTILE: HOSTILE}, {"</script>": HOSTILE})),
        ("Second", score(), About("Second")),
        ("Words", f"Sing, Muse\n{HOSTILE}", About("Words")),
    ]
    write_page_of(made / "several.html", HOSTILE, HOSTILE, several, {HOSTILE: HOSTILE})
    cells = "".join(f"<section>{fragment_of([(name, score(), About())])}</section>" for name in ("A", "B"))
    (made / "cells.html").write_text(f"<!doctype html><meta charset=utf-8><title>x</title>{cells}", "utf-8")
    return made


@pytest.fixture
def visit(browser, folder):
    """Opens a page; at the end nothing may have been asked for, complained of, or popped up."""
    contexts, troubles = [], []

    def opened(name, **settings):
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
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


def time_of(page, number=0):
    return page.evaluate("n => document.querySelectorAll('audio')[n].currentTime", number)


def wait_until(page, what):
    """Waits for a condition in JavaScript; playwright's own way would be stopped by the page's policy."""
    for _ in range(500):
        if page.evaluate(what):
            return
        page.wait_for_timeout(20)
    pytest.fail(f"waited in vain: {what}")


def playing(page, number=0):
    return page.evaluate("n => !document.querySelectorAll('audio')[n].paused", number)


def head(page):
    """The playhead in pixels of the picture: its middle, top and bottom."""
    return page.evaluate(
        """() => {
            const image = document.querySelector(".paper img"), box = image.getBoundingClientRect();
            const line = document.querySelector(".playhead").getBoundingClientRect();
            const middle = (line.left + line.right) / 2;
            return [middle - box.left, line.top - box.top, line.bottom - box.top]
                .map(n => n * image.naturalWidth / box.width);
        }"""
    )


def test_it_plays_by_mouse_and_by_keys(visit):
    page = visit("one.html")
    button = page.get_by_role("button", name="Play One piece")
    button.click()
    wait_until(page, "document.querySelector('audio').currentTime > 0.3")
    page.get_by_role("button", name="Pause One piece").click()
    assert not playing(page)
    stopped = time_of(page)
    button.focus()
    page.keyboard.press("Space")
    wait_until(page, f"document.querySelector('audio').currentTime > {stopped} + 0.2")
    page.keyboard.press("ArrowRight")
    assert stopped + 5 < time_of(page) < stopped + 10
    page.keyboard.press("Home")
    assert time_of(page) < 1
    page.keyboard.press("m")
    assert page.evaluate("document.querySelector('audio').muted")
    page.get_by_role("button", name="Unmute One piece").wait_for()
    page.keyboard.press("End")
    wait_until(page, "document.querySelector('audio').ended")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")  # where nothing has the focus, it is the page's
    wait_until(page, "!document.querySelector('audio').paused")
    page.keyboard.press("ArrowLeft")
    assert time_of(page) < 1


def test_keys_do_what_they_mean_in_a_slider(visit):
    page = visit("one.html")
    page.get_by_role("slider", name="Volume of One piece").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.querySelector('audio').volume") == pytest.approx(0.95)
    assert time_of(page) == 0
    page.get_by_role("slider", name="Position in One piece").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert time_of(page) == pytest.approx(10, abs=0.1)
    assert page.locator(".seek").get_attribute("aria-valuetext") == "0:10 of 0:32"
    page.get_by_role("group", name="Piano roll of One piece, scrolls sideways").focus()
    page.keyboard.press("ArrowRight")  # scrolls
    assert time_of(page) == pytest.approx(10, abs=0.1)


def test_the_sound_is_that_of_the_piece(visit):
    page = visit("one.html")
    loudness = page.evaluate(
        """async spans => {
            const text = document.querySelector("audio").src.split(";base64,")[1];
            const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
            const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(bytes.buffer);
            const samples = sound.getChannelData(0);
            const rms = ([from, to]) => {
                const part = samples.subarray(from * 44100, to * 44100);
                return Math.sqrt(part.reduce((sum, x) => sum + x * x, 0) / part.length);
            };
            return [...spans.map(rms), sound.duration];
        }""",
        [[0, FIRST - 0.1], [FIRST + 0.1, FIRST + 0.9], [16.5, SECOND - 0.1], [SECOND + 0.1, SECOND + 1.9]],
    )
    before, first, between, second, length = loudness
    assert first > 0.01 and second > 0.01
    assert before < first / 100 and between < first / 100
    assert LENGTH <= length < LENGTH + 5


def test_where_it_goes_it_plays_what_is_there(visit):
    page = visit("one.html")
    heard = page.evaluate(
        """async seconds => {
            const audio = document.querySelector("audio"), context = new AudioContext();
            const analyser = context.createAnalyser();
            analyser.fftSize = 512;
            context.createMediaElementSource(audio).connect(analyser);
            analyser.connect(context.destination);
            const samples = new Float32Array(512), found = [];
            for (const second of seconds) {
                audio.currentTime = second - 0.4;
                await new Promise(done => audio.addEventListener("seeked", done, { once: true }));
                await audio.play();
                do {
                    await new Promise(done => setTimeout(done, 3));
                    analyser.getFloatTimeDomainData(samples);
                } while (Math.max(...samples.map(Math.abs)) < 0.01 && audio.currentTime < second + 2);
                found.push(audio.currentTime);
                audio.pause();
                await new Promise(done => setTimeout(done, 200)); // until what was heard has gone
            }
            return found;
        }""",
        [FIRST, SECOND, FIRST],
    )
    assert heard == pytest.approx([FIRST, SECOND, FIRST], abs=0.12)


@pytest.mark.parametrize("width", [1280, 360])
def test_the_playhead_is_at_the_note_that_begins(visit, width):
    from matplotlib.image import imread

    page = visit("one.html", viewport={"width": width, "height": 800})
    data = page.locator(".paper img").get_attribute("src").split(";base64,")[1]
    picture = imread(io.BytesIO(base64.b64decode(data)))
    blue = picture[:, :, 2] - picture[:, :, 0] > 0.3  # the notes, and the legend above them
    for second in (FIRST, SECOND):
        page.evaluate("time => { document.querySelector('audio').currentTime = time; }", second)
        wait_until(page, "!document.querySelector('audio').seeking && !document.querySelector('.playhead').hidden")
        x, top, bottom = head(page)
        columns = np.flatnonzero(blue[round(top) : round(bottom)].any(axis=0))
        assert abs(x - columns[0]) <= 3
        assert x < columns[-1] - 40  # the note goes on to the right of it


def test_the_score_is_seen(visit):
    page = visit("one.html")
    sheets = page.locator(".sheets img")
    assert sheets.count() == 1
    sheets.first.scroll_into_view_if_needed()
    box = sheets.first.bounding_box()
    assert sheets.first.is_visible() and box["width"] > 500 and box["height"] > 200
    dark = page.evaluate(
        """async () => {
            const image = document.querySelector(".sheets img"), canvas = document.createElement("canvas");
            await image.decode();
            [canvas.width, canvas.height] = [800, 800];
            canvas.getContext("2d").drawImage(image, 0, 0, 800, 800);
            const pixels = canvas.getContext("2d").getImageData(0, 0, 800, 800).data;
            let dark = 0;
            for (let i = 0; i < pixels.length; i += 4) dark += pixels[i + 3] > 128 && pixels[i] < 128;
            return [image.naturalWidth, dark / 640000];
        }"""
    )
    assert dark[0] > 0 and 0.005 < dark[1] < 0.5  # something is drawn on it


def test_the_playhead_moves_and_a_click_goes_there(visit):
    page = visit("one.html")
    assert page.locator(".playhead").is_hidden()
    page.locator(".play").click()
    wait_until(page, "document.querySelector('audio').currentTime > 0.1")
    first = head(page)[0]
    wait_until(page, "document.querySelector('audio').currentTime > 0.5")
    assert head(page)[0] > first
    page.locator(".controls .play").click()
    box = page.locator(".playhead").bounding_box()
    page.mouse.click(box["x"] + 300, box["y"] + box["height"] / 2)
    wait_until(page, "!document.querySelector('audio').seeking")
    now = page.locator(".playhead").bounding_box()
    assert now["x"] - box["x"] == pytest.approx(300, abs=2) and now["y"] == box["y"]


def test_the_row_that_plays_stays_in_view_unless_someone_looks_elsewhere(visit):
    page = visit("one.html", viewport={"width": 1280, "height": 420})
    in_view = """() => {
        const box = document.querySelector(".playhead").getBoundingClientRect();
        return box.top >= 0 && box.bottom <= innerHeight;
    }"""
    page.locator(".paper").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('audio').currentTime = 15.7")  # the second row begins at 16
    page.evaluate("document.querySelector('.paper').scrollIntoView()")
    page.keyboard.press("Space")
    wait_until(page, "document.querySelector('audio').currentTime > 16.1")
    wait_until(page, in_view)
    page.wait_for_timeout(700)  # until it has come to rest
    page.evaluate("document.querySelector('audio').currentTime = 15.7; scrollTo({top: 0, behavior: 'instant'})")
    top = page.evaluate("scrollY")
    wait_until(page, "document.querySelector('audio').currentTime > 16.3")
    assert page.evaluate("scrollY") == top == 0


def test_on_a_telephone_the_roll_scrolls_along(visit):
    page = visit("one.html", viewport={"width": 360, "height": 740})
    page.locator(".paper").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('audio').currentTime = 3")  # the right edge is at about 4.5
    page.locator(".play").click()
    wait_until(page, "document.querySelector('.picture').scrollLeft > 0")
    assert page.evaluate("""() => {
        const head = document.querySelector(".playhead").getBoundingClientRect().left;
        return head > 0 && head < innerWidth;
    }""")


def test_who_wants_less_motion_gets_steps(visit):
    page = visit("one.html", reduced_motion="reduce")
    page.locator(".play").click()
    wait_until(page, "document.querySelector('audio').currentTime > 0.2")
    first = head(page)[0]
    page.wait_for_timeout(100)
    assert head(page)[0] == first or time_of(page) > 0.5
    wait_until(page, "document.querySelector('audio').currentTime > 0.6")
    assert head(page)[0] > first


def test_one_piece_plays_at_a_time(visit):
    page = visit("several.html")
    page.get_by_role("navigation").get_by_role("button").nth(0).click()
    wait_until(page, "document.querySelectorAll('audio')[0].currentTime > 0.1")
    page.get_by_role("navigation").get_by_role("button", name="Play Second").click()
    wait_until(page, "document.querySelectorAll('audio')[1].currentTime > 0.1")
    assert not playing(page, 0) and playing(page, 1)
    assert page.get_by_role("button", name="Pause Second").count() == 2


@pytest.mark.parametrize("name", ["one.html", "several.html"])
def test_nothing_reaches_over_the_edge_of_a_telephone(visit, name):
    page = visit(name, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("document.querySelector('.picture').scrollWidth") > 360  # that scrolls by itself


@pytest.mark.parametrize("name", ["one.html", "several.html"])
def test_everything_has_a_name_for_a_screen_reader(visit, name):
    page = visit(name)
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    nodes = [node for node in tree["nodes"] if not node["ignored"]]
    named = [(node["role"]["value"], node["name"]["value"]) for node in nodes if "name" in node]
    assert {"button", "slider", "link", "image", "heading", "article"} <= {role for role, _ in named}
    assert [role for role, text in named if role in ("button", "slider", "link", "image") and not text.strip()] == []
    buttons = [text for role, text in named if role == "button"]
    assert len(buttons) == len(set(buttons)) + (2 if name == "several.html" else 0)  # those of the overview come again


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


def test_light_and_dark_can_be_read(visit):
    paper = {}
    for scheme in ("light", "dark"):
        page = visit("several.html", color_scheme=scheme)
        paper[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        ratios = page.evaluate(CONTRAST)
        assert len(ratios) > 20 and ratios[0][0] >= 4.5, ratios[:3]
    brightness = {name: sum(map(int, re.findall(r"\d+", colour))) for name, colour in paper.items()}
    assert brightness["light"] > 600 and brightness["dark"] < 150


def test_what_was_typed_does_nothing(visit):
    page = visit("several.html")
    page.wait_for_timeout(200)
    assert page.evaluate("window.__hacked") is None
    text = re.sub(r"\s+", " ", page.locator("body").inner_text())
    assert text.count(SHOWN) >= 6  # title, intro, name, overview, track, facts
    assert page.title() == SHOWN
    assert page.get_by_role("button", name=f"Play {SHOWN}").count() == 2
    assert "Sing, Muse" in page.locator("pre").inner_text() and HOSTILE in page.locator("pre").inner_text()


def test_downloads_hold_what_the_page_shows(visit):
    page = visit("one.html")
    with page.expect_download() as begun:
        page.get_by_role("link", name="Sound (MP3)").click()
    assert begun.value.suggested_filename == "one.mp3"
    sound = page.locator("audio").get_attribute("src").split(";base64,")[1]
    assert Path(begun.value.path()).read_bytes() == base64.b64decode(sound)
    names = [link.get_attribute("download") for link in page.locator("[download]:visible").all()]
    assert {"one.mid", "one.mp3", "one.png"} <= set(names)


def test_without_scripts_the_browser_plays_it(visit):
    page = visit("several.html", java_script_enabled=False)
    assert page.locator("audio[controls]").count() == 2 and page.locator("audio").first.is_visible()
    assert page.locator("button:visible").count() == 0


def test_pieces_in_a_notebook_keep_to_themselves(visit):
    page = visit("cells.html")
    assert page.locator("[id]").count() == 0
    page.get_by_role("button", name="Play B").click()
    wait_until(page, "document.querySelectorAll('audio')[1].currentTime > 0.1")
    page.get_by_role("button", name="Play A").click()
    wait_until(page, "document.querySelectorAll('audio')[0].currentTime > 0.1")
    assert not playing(page, 1)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")  # outside of a piece the keys are the notebook's
    assert playing(page, 0)
