"""The editor in a browser, against a real studio: what is drawn, moved and played is what the studio keeps, and nothing
is lost where saving fails or two tabs edit one piece.

Needs Chromium: without one these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect
from symusic import Score

QUARTER = 480
HOSTILE = '<img src=x onerror="window.__hacked = 1"> & \u202ename'
# A minor scale upwards, one note a beat: bars 1 and 2.
SCALE = [[QUARTER * beat, QUARTER, pitch, 80] for beat, pitch in enumerate((60, 62, 63, 65, 67, 68, 70, 72))]


def score(*tracks, tempo=120.0):
    named = [{"name": f"Voice {n + 1}", "program": 0, "drums": False, "notes": notes} for n, notes in enumerate(tracks)]
    meter = {"time_signatures": [[0, 4, 4]], "key_signatures": []}
    return {"ticks_per_quarter": QUARTER, "tempos": [[0, tempo]], **meter, "tracks": named}


@pytest.fixture
def keep(studio):
    """Puts a piece into the studio; gives its take."""

    def kept(*tracks, how="drawn", **more):
        answer = studio.client.post("/api/takes", json={"how": how, "score": score(*tracks), **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return kept


class Editor:
    """A page with the editor open, and what a test does in it: places are ticks and pitches."""

    def __init__(self, page, studio):
        self.page, self.studio = page, studio
        self.roll = page.locator(".pianoroll")
        self.state = page.locator(".edit-state")
        expect(self.roll).to_be_visible()

    def at(self, tick, pitch):
        """Where a place is in the window, in pixels."""
        return self.page.evaluate(
            """([tick, pitch]) => {
              const roll = document.querySelector(".pianoroll"), box = roll.getBoundingClientRect();
              const row = (document.querySelector(".pianoroll-space").offsetHeight - 28) / 128;
              const x = 56 + tick * 36 / 480 - roll.scrollLeft, y = 28 + (127.5 - pitch) * row - roll.scrollTop;
              return [box.left + x, box.top + y];
            }""",
            [tick, pitch],
        )

    def drag(self, start, end, steps=4):
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        mouse.move(*self.at(*end), steps=steps)
        mouse.up()

    def click(self, tick, pitch):
        self.page.mouse.click(*self.at(tick, pitch))

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def focus(self):
        self.page.evaluate("document.querySelector('.pianoroll').focus()")

    @property
    def id(self):
        return self.page.url.rsplit("/", 1)[1]

    def saved(self, text="Saved"):
        expect(self.state).to_have_text(text)
        return self

    def take(self):
        return self.studio.client.get(f"/api/takes/{self.id}").json()

    def notes(self, track=0):
        """What the studio has of a track, once all is saved."""
        self.press("Control+s")
        self.saved()
        return self.studio.client.get(f"/api/takes/{self.id}/piece").json()["score"]["tracks"][track]["notes"]

    def says(self, text):
        expect(self.page.locator("#announcer")).to_contain_text(text)


@pytest.fixture
def edit(visit, studio):
    """Opens a take, or a new piece, in the editor."""

    def opened(take="new", **settings):
        return Editor(visit(f"#/edit/{take if isinstance(take, str) else take['id']}", **settings), studio)

    return opened


def test_what_is_drawn_is_kept_as_a_take_of_its_own(edit):
    editor = edit()
    editor.saved("Nothing to save yet")
    expect(editor.page.locator(".edit-hint")).to_be_visible()
    editor.drag((10, 67), (900, 67))  # over the eighths 0 to 3
    editor.drag((1000, 64), (1000, 64))  # as long as the last
    assert editor.notes() == [[0, 960, 67, 84], [960, 960, 64, 84]]
    assert editor.take()["how"] == "drawn"
    expect(editor.page.locator(".edit-hint")).to_be_hidden()


def test_notes_are_moved_made_longer_selected_with_a_band_and_deleted(edit, keep):
    editor = edit(keep(SCALE))
    editor.drag((240, 60), (240 + 485, 64))  # a beat later, to the line of the grid; four semitones up
    editor.drag((2 * QUARTER - 20, 62), (3 * QUARTER, 62))  # its end by a beat; it begins with bar 1, beat 2
    assert editor.notes()[:2] == [[480, 960, 62, 80], [480, 480, 64, 80]]
    editor.drag((4 * QUARTER - 100, 75), (9 * QUARTER, 66.6))  # from above, down to 67: all of bar 2
    expect(editor.page.locator(".selected")).to_have_text("4 notes selected")
    editor.press("Delete")
    assert [note[2] for note in editor.notes()] == [62, 64, 63, 65]
    editor.press("Control+z", "Control+z")
    assert editor.notes() == [[480, 480, 62, 80], [480, 480, 64, 80], *SCALE[2:]]
    editor.press("Control+Shift+z")
    assert editor.notes()[0] == [480, 960, 62, 80]


def test_escape_gives_up_what_is_being_dragged(edit, keep):
    editor = edit(keep(SCALE))
    editor.page.mouse.move(*editor.at(240, 60))
    editor.page.mouse.down()
    editor.page.mouse.move(*editor.at(900, 66), steps=3)
    editor.press("Escape")
    editor.page.mouse.up()
    assert editor.notes() == SCALE
    assert editor.take()["version"] == 1


LAYERS = """() => {
  const canvases = [...document.querySelectorAll(".pianoroll canvas")], pens = CanvasRenderingContext2D.prototype;
  const clear = pens.clearRect;
  window.__drawn = [0, 0, 0];
  pens.clearRect = function (...box) {
    window.__drawn[canvases.indexOf(this.canvas)] += 1;
    return clear.apply(this, box);
  };
}"""


def test_while_notes_are_dragged_only_their_own_layer_is_drawn_again(edit, keep):
    editor = edit(keep(SCALE))
    editor.focus()
    editor.press("Control+a")
    editor.page.wait_for_timeout(100)
    editor.page.evaluate(LAYERS)
    editor.page.mouse.move(*editor.at(240, 60))
    editor.page.mouse.down()
    for beat in range(1, 7):
        editor.page.mouse.move(*editor.at(240 + 240 * beat, 60))
        editor.page.wait_for_timeout(40)  # a frame or two
    grid, still, moving = editor.page.evaluate("__drawn")
    editor.page.mouse.up()
    assert (grid, still) == (0, 1), "what lies still is drawn once without them"
    assert 1 <= moving <= 7


def test_the_keyboard_can_do_all_of_it(edit, keep):
    editor = edit(keep(SCALE[:2]))
    editor.focus()
    editor.press("Tab")
    editor.says("C 4, bar 1, beat 1, a quarter note, velocity 80, note 1 of 2")
    editor.press("ArrowUp", "Shift+ArrowUp", "ArrowRight", "Alt+ArrowRight", "Alt+ArrowUp")
    assert editor.notes() == [[120, 600, 73, 88], [480, 480, 62, 80]]
    editor.press("Shift+ArrowRight", "Control+a", "Control+d", "q")  # a beat later; once more behind; sixteenths
    assert editor.notes() == [[480, 480, 62, 80], [600, 600, 73, 88], [1200, 480, 62, 80], [1320, 600, 73, 88]]
    editor.press("Control+x", "Home", "Control+v")
    assert editor.notes() == [[0, 480, 62, 80], [120, 600, 73, 88], [480, 480, 62, 80], [600, 600, 73, 88]]
    editor.press("Enter")
    assert [720, 73] in [[onset, pitch] for onset, _, pitch, _ in editor.notes()]


def test_tab_walks_the_notes_and_escape_lets_it_leave(edit, keep):
    editor = edit(keep(SCALE[:2]))
    editor.focus()
    focused = "document.activeElement === document.querySelector('.pianoroll')"
    editor.press("Tab", "Tab")
    editor.says("note 2 of 2")
    editor.press("Shift+Tab")
    editor.says("note 1 of 2")
    assert editor.page.evaluate(focused)
    editor.press("Escape", "Tab")
    assert not editor.page.evaluate(focused)
    editor.focus()
    editor.press("Tab", "Tab", "Tab")  # behind the last note there is no other
    assert not editor.page.evaluate(focused)


def test_buttons_do_what_keys_do(edit, keep):
    editor = edit(keep(SCALE[:2]))
    button = editor.page.get_by_role
    button("button", name="An octave higher").click()
    button("button", name="A semitone lower").click()
    assert [note[2] for note in editor.notes()] == [71, 73]
    editor.click(600, 73)
    editor.page.get_by_label("Loudness").fill("100")
    button("button", name="Once more behind").click()
    assert editor.notes() == [[0, 480, 71, 80], [480, 480, 73, 100], [960, 480, 73, 100]]
    button("button", name="Undo").click()
    button("button", name="Delete").click()
    editor.page.get_by_label("Tempo").fill("90")
    editor.page.get_by_label("Tempo").press("Enter")
    assert editor.notes() == [[0, 480, 71, 80]]
    assert round(editor.studio.client.get(f"/api/takes/{editor.id}/piece").json()["score"]["tempos"][0][1]) == 90


def test_a_track_is_chosen_hidden_and_cannot_be_touched_then(edit, keep):
    editor = edit(keep(SCALE[:1], [[0, 480, 60, 80], [960, 480, 48, 80]]))
    editor.page.get_by_role("button", name="Show Voice 1").click()
    editor.click(200, 60)  # in both voices: the one that is seen
    editor.press("ArrowUp")
    assert editor.notes(1)[0] == [0, 480, 61, 80]
    assert editor.notes(0) == SCALE[:1]
    editor.page.get_by_role("button", name="Draw in Voice 2").or_(
        editor.page.locator("[data-track='1'] .track-name")
    ).first.click()
    editor.press("d")
    editor.focus()
    editor.press("d")
    editor.drag((1440, 55), (1500, 55))
    assert [1440, 480, 55, 80] in editor.notes(1) or any(
        note[:1] == [1440] and note[2] == 55 for note in editor.notes(1)
    )


def test_a_new_piece_gets_its_time_signature_and_more_tracks(edit):
    editor = edit()
    editor.page.get_by_label("Time signature").select_option("3/4")
    for name in ("Violin", "Violin 2"):
        editor.page.get_by_role("button", name="Add a track").click()
        editor.page.get_by_label("Instrument").select_option(label="Violin")
        editor.press("Tab", "Enter")
        expect(editor.page.locator(".track-name:focus")).to_have_text(name)  # where it can be gone on from with keys
    editor.drag((1440, 60), (1920, 60))
    editor.press("Control+s")
    editor.saved()
    found = editor.studio.client.get(f"/api/takes/{editor.id}/piece").json()["score"]
    assert found["time_signatures"] == [[0, 3, 4]] and found["bars"] == [0, 1440, 2880]
    assert [(track["name"], track["program"], track["drums"]) for track in found["tracks"]] == [("Violin 2", 40, False)]
    editor.page.get_by_title("Draw in Piano").click()
    editor.drag((0, 67), (480, 67))
    assert [note[2] for note in editor.notes(0)] == [67] and [note[2] for note in editor.notes(1)] == [60]
    for _ in range(5):
        editor.page.get_by_role("button", name="Undo").click()
    expect(editor.page.locator(".track")).to_have_count(1)
    expect(editor.page.get_by_label("Time signature")).to_have_value("4/4")


def test_what_is_exported_is_what_is_seen(edit, keep):
    editor = edit(keep(SCALE[:1]))
    editor.focus()
    editor.press("d")
    editor.drag((1440, 60), (1920, 60))
    editor.page.locator("summary", has_text="Export").click()
    with editor.page.expect_download() as begun:  # before it is saved by itself
        editor.page.get_by_role("link", name="MIDI").click()
    found = Score.from_midi(Path(begun.value.path()).read_bytes())
    assert [note.pitch for note in found.tracks[0].notes] == [60, 60]


@pytest.fixture
def imported(studio):
    """A take that stays as it is, and the bytes that it came from."""
    midi = studio.client.get(f"/api/takes/{make(studio)}/export/mid").content
    answer = studio.client.post(
        "/api/takes/import?name=scale.mid", content=midi, headers={"Content-Type": "application/octet-stream"}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def make(studio):
    return studio.client.post("/api/takes", json={"how": "drawn", "score": score(SCALE)}).json()["id"]


def test_what_must_stay_as_it_is_gets_a_child_that_then_goes_on_changing(edit, imported):
    editor = edit(imported)
    editor.saved("As it was; your first change becomes a take of its own")
    editor.drag((240, 60), (240, 57))
    assert editor.notes()[0] == [0, 480, 57, 80]
    child = editor.take()
    assert child["id"] != imported["id"]
    assert (child["parent"], child["how"], child["version"]) == (imported["id"], "edited", 1)
    editor.press("ArrowUp")
    assert editor.notes()[0] == [0, 480, 58, 80]
    assert (editor.take()["id"], editor.take()["version"]) == (child["id"], 2)
    before = editor.studio.client.get(f"/api/takes/{imported['id']}/piece").json()["score"]["tracks"][0]["notes"]
    assert before == SCALE


def test_what_something_was_made_from_meanwhile_gets_a_child_without_a_question(edit, keep, visit):
    visit.expected.append("409")
    take = keep(SCALE, title="Scale")
    editor = edit(take)
    keep(SCALE, how="edited", parent=take["id"])
    editor.drag((240, 60), (240, 59))
    assert editor.notes()[0][2] == 59
    child = editor.take()
    assert (child["parent"], child["title"]) == (take["id"], "Scale")
    expect(editor.page.get_by_role("alert")).to_have_count(0)


def conflict(edit, keep, visit):
    """Two tabs that changed one piece, the first of which saved."""
    visit.expected.append("409")
    take = keep(SCALE)
    first, second = edit(take), edit(take)
    first.drag((240, 60), (240, 59))
    first.press("Control+s")
    first.saved()
    second.drag((240, 60), (240, 61))
    second.press("Control+s")
    expect(second.page.get_by_role("alert")).to_contain_text("changed in another tab")
    return take, first, second


def test_of_two_tabs_the_later_may_keep_its_piece_as_a_new_take(edit, keep, visit):
    take, first, second = conflict(edit, keep, visit)
    second.page.get_by_role("button", name="Keep mine").click()
    expect(second.page.get_by_role("alert")).to_have_count(0)
    assert second.notes()[0][2] == 61
    assert second.take()["parent"] == take["id"]
    assert first.notes()[0][2] == 59


def test_of_two_tabs_the_later_may_take_the_other_and_undo_that(edit, keep, visit):
    take, _, second = conflict(edit, keep, visit)
    second.press("Control+s", "Space")  # neither saves over the other, nor takes the question away
    expect(second.page.get_by_text("choose first which one goes on")).to_be_visible()
    second.page.get_by_role("button", name="Load theirs").click()
    expect(second.page.get_by_role("button", name="Load theirs")).to_have_count(0)
    assert second.notes()[0][2] == 59
    assert second.id == take["id"]
    second.focus()
    second.press("Control+z")
    assert second.notes()[0][2] == 61


def test_a_save_that_fails_is_said_tried_again_and_guards_the_page(edit, keep, visit):
    visit.expected += ["507", "a dialog"]
    editor = edit(keep(SCALE))
    page, failing = editor.page, [True]

    def answer(route):
        if route.request.method == "PUT" and failing:
            route.fulfill(status=507, json={"error": "The disk is full."})
        else:
            route.fallback()

    page.route("**/api/takes/*/piece", answer)
    editor.drag((240, 60), (240, 59))
    expect(page.get_by_role("alert")).to_contain_text("The disk is full.")
    warned = []
    page.on("dialog", lambda dialog: warned.append(dialog.type))
    page.close(run_before_unload=True)  # stays open, as the visitor dismisses the question
    page.wait_for_timeout(300)
    assert warned == ["beforeunload"]
    failing.clear()
    editor.saved()  # by itself
    assert editor.notes()[0][2] == 59
    expect(page.get_by_role("alert")).to_have_count(0)


def test_leaving_the_editor_saves_what_is_not_saved(edit, keep):
    take = keep(SCALE)
    editor = edit(take)
    editor.drag((240, 60), (240, 59))
    with editor.page.expect_response(lambda answer: answer.request.method == "PUT"):
        editor.page.goto(f"{editor.studio.base}/#/keep")
    editor.page.goto(f"{editor.studio.base}/#/edit/{take['id']}")
    expect(editor.roll).to_be_visible()
    assert editor.notes()[0][2] == 59


def heard(page):
    """Time of the player, and the greatest sample that its analyser hears now."""
    return page.evaluate(
        """() => {
          const { analyser, time } = eratoPlayer, samples = new Float32Array(analyser.fftSize);
          analyser.getFloatTimeDomainData(samples);
          return [time, Math.max(...samples.map(Math.abs))];
        }"""
    )


def wait_for(true, page, tries=300):
    for _ in range(tries):
        if true():
            return
        page.wait_for_timeout(20)
    pytest.fail("waited in vain")


def wait_until(page, what):
    wait_for(lambda: page.evaluate(what), page)


SOURCES = """() => {
  window.AudioBufferSourceNode = class extends AudioBufferSourceNode {
    constructor(...how) { super(...how); window.__source = this; }
  };
}"""


def test_playing_saves_first_sounds_moves_the_playhead_and_loops(edit, keep):
    editor = edit(keep(SCALE))
    page = editor.page
    page.evaluate(SOURCES)
    editor.click(240, 60)
    editor.press("ArrowDown", "Space")  # plays before the change would be saved by itself
    wait_until(page, "window.eratoPlayer?.playing && eratoPlayer.time > 0.3")
    assert editor.notes()[0][2] == 59
    assert page.evaluate("eratoPlayer.url").endswith(f"/{editor.id}/sound.wav?v=2")
    time, loudest = heard(page)
    assert loudest > 0.001
    expect(page.locator(".where-bar")).not_to_have_text("1.1")
    wait_until(page, f"eratoPlayer.time > {time + 0.2}")
    editor.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    editor.click(5 * QUARTER, 138)  # in the ruler: above all pitches in sight
    page.mouse.click(editor.at(5 * QUARTER, 60)[0], page.locator(".pianoroll").bounding_box()["y"] + 14)
    expect(page.locator(".where")).to_have_text(re.compile("2.2"))
    editor.click(5 * QUARTER + 200, 68)
    editor.press("l", "Space")
    wait_until(page, "eratoPlayer.playing")
    assert page.evaluate("[__source.loop, __source.loopStart, __source.loopEnd]") == [True, 2.5, 3.0]
    seen = []
    for _ in range(12):
        seen.append(page.evaluate("eratoPlayer.time"))
        page.wait_for_timeout(90)
    assert all(2.5 <= time < 3.0 for time in seen)
    assert any(later < earlier for earlier, later in pairwise(seen)), "it went round"


def test_the_score_follows_what_is_saved(edit, keep):
    editor = edit(keep(SCALE))
    sheet = editor.page.locator(".sheet-paper img")
    expect(sheet).to_have_attribute("src", re.compile(r"/score/1\.svg\?v=1$"), timeout=20000)
    editor.drag((240, 60), (240, 59))
    expect(sheet).to_have_attribute("src", re.compile(r"/score/1\.svg\?v=2$"), timeout=20000)
    assert editor.page.evaluate("document.querySelector('.sheet-paper img').naturalWidth") > 0


# A model that continues, and a studio that has too much to do.
COMPOSES = {"bars": True, "seconds": True, "prompt": True}
MODEL = {"id": "m1", "name": "Chorales", "kind": "music", "state": "ready", "composes": COMPOSES}
FULL = {"status": 429, "json": {"error": "100 jobs wait already."}, "headers": {"Retry-After": "7"}}


def test_a_model_goes_on_from_a_bar_or_composes_the_rest_again(edit, keep, visit, browser):
    visit.expected.append("429")
    take, asked = keep(SCALE), []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.route("**/api/models", lambda route: route.fulfill(json={"models": [MODEL]}))
    context.route("**/api/compose", lambda route: (asked.append(route.request.post_data_json), route.fulfill(**FULL)))
    editor = edit(take, context=context)
    editor.drag((240, 60), (240, 59))
    editor.click(5 * QUARTER, 68)  # in bar 2
    editor.page.get_by_role("button", name="Continue from bar 2").click()
    said = editor.page.locator(".edit-onwards .trouble")
    expect(said).to_have_text("100 jobs wait already. Try again in 7 seconds.")
    editor.page.get_by_role("button", name="Compose again from bar 2 on").click()
    wait_for(lambda: len(asked) == 2, editor.page)
    prompt = {"take": take["id"], "to_bar": 1}
    for request, bars in zip(asked, (8, 1), strict=True):
        assert (request["model"], request["n"], request["bars"], request["prompt"], request["parent"]) == (
            "m1", 4, bars, prompt, take["id"])  # fmt: skip
    assert editor.notes()[0][2] == 59  # saved before it was sent
    context.close()


KEYBOARD = """() => {
  const input = { onmidimessage: null };
  window.__asked = 0;
  navigator.requestMIDIAccess = async () => { window.__asked++; return { inputs: new Map([["k", input]]) }; };
  window.__key = (status, pitch, velocity, timeStamp) =>
    input.onmidimessage({ data: [status, pitch, velocity], timeStamp });
}"""


def test_what_is_played_on_a_keyboard_becomes_notes_in_one_step(edit):
    editor = edit()
    page = editor.page
    page.evaluate(KEYBOARD)
    assert page.evaluate("window.__asked") == 0
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("button", name="Stop recording")).to_be_visible()
    page.evaluate(
        "__key(0x90, 60, 90, 1000); __key(0x90, 64, 70, 1500); __key(0x80, 60, 0, 1750); __key(0x90, 64, 0, 2000)"
    )
    page.get_by_role("button", name="Stop recording").click()
    assert editor.notes() == [[0, 720, 60, 90], [480, 480, 64, 70]]  # at 120 quarters a minute
    assert editor.take()["how"] == "recorded"
    page.get_by_role("button", name="Undo").click()
    expect(editor.state).to_have_text("A piece without notes is not saved")


def test_without_a_keyboard_or_a_browser_that_hears_one_that_is_said(edit):
    editor = edit()
    editor.page.evaluate("navigator.requestMIDIAccess = async () => ({ inputs: new Map() })")
    editor.page.get_by_role("button", name="Record").click()
    expect(editor.page.get_by_role("alert")).to_contain_text("No MIDI keyboard is connected")
    editor.page.evaluate("navigator.requestMIDIAccess = undefined")
    editor.page.get_by_role("button", name="Record").click()
    expect(editor.page.get_by_role("alert")).to_contain_text("cannot hear MIDI keyboards")


def touches(page):
    session = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return touch


def test_fingers_scroll_with_two_select_with_a_long_press_and_draw_with_the_pencil(edit, keep):
    editor = edit(keep(SCALE), width=390, height=844, has_touch=True, is_mobile=True)
    page, touch = editor.page, touches(editor.page)
    page.evaluate("document.querySelector('.pianoroll').scrollIntoView({ block: 'center' })")
    place = editor.at(240, 60)
    touch("touchStart", place)
    page.wait_for_timeout(600)
    touch("touchEnd")
    expect(page.locator(".selected")).to_have_text("1 note selected")
    before = page.evaluate("document.querySelector('.pianoroll').scrollLeft")
    (x, y), (other, below) = editor.at(1500, 66), editor.at(1900, 58)
    touch("touchStart", (x, y), (other, below))
    for step in range(1, 6):
        touch("touchMove", (x - 12 * step, y), (other - 12 * step, below))
    touch("touchEnd")
    assert page.evaluate("document.querySelector('.pianoroll').scrollLeft") == pytest.approx(before + 60, abs=3)
    expect(page.locator(".selected")).to_have_text("1 note selected")
    page.get_by_role("button", name="Draw").first.tap()
    start, end = editor.at(2 * QUARTER + 10, 70), editor.at(3 * QUARTER - 30, 70)
    touch("touchStart", start)
    touch("touchMove", end)
    touch("touchEnd")
    assert [960, 480, 70, 84] in editor.notes()


def test_names_are_text_and_never_markup(edit, keep):
    editor = edit(keep(SCALE, title=HOSTILE))
    expect(editor.page.locator("h1")).to_have_text(HOSTILE)
    assert editor.page.evaluate("window.__hacked") is None


def test_a_take_that_is_not_there_is_said(visit):
    visit.expected.append("404")
    page = visit("#/edit/nothing")
    expect(page.get_by_role("alert")).to_be_visible()
