"""Composing in a browser, against a real studio with a small model: what is asked for, what comes, what becomes of it.

Needs Chromium: without one these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import re

import pytest
from playwright.sync_api import expect
from tests.conftest import write_scales

from erato import pipeline
from erato.recipes import TINY

QUARTER = 480
PARTS = ["chords", "style", "melody", "groove"]


def score(*notes):
    track = {"name": "Piano", "program": 0, "drums": False, "notes": list(notes)}
    meter = {"time_signatures": [[0, 4, 4]], "key_signatures": []}
    return {"ticks_per_quarter": QUARTER, "tempos": [[0, 120.0]], **meter, "tracks": [track]}


def scale(bars, low=60):
    return score(*[[QUARTER * beat, QUARTER, low + beat % 8, 80] for beat in range(4 * bars)])


@pytest.fixture(scope="module")
def model(studio):
    """A model of the project that composes at once, and with seed 3 four times two bars that are not silent."""
    music = write_scales(studio.folder.with_name("music"))
    return pipeline.train(TINY["event-transformer"], music, studio.folder / "runs" / "scales", steps=200).folder.name


@pytest.fixture
def keep(studio):
    """Puts a piece into the studio; gives its take."""

    def kept(piece, **more):
        answer = studio.client.post("/api/takes", json={"how": "drawn", "score": piece, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return kept


def asked_of(page):
    """The bodies of all that is asked to be composed from now on."""
    bodies = []
    page.on("request", lambda r: r.url.endswith("/api/compose") and bodies.append(r.post_data_json))
    return bodies


def four(page, bars=2):
    """Composes, and gives the cards of the round."""
    page.get_by_label("How long").fill(str(bars))
    if not page.get_by_label("Seed", exact=True).is_visible():
        page.get_by_text("More settings").click()
    page.get_by_label("Seed", exact=True).fill("3")
    with page.expect_response("**/api/compose") as answer:
        page.get_by_role("button", name="Compose four").click()
    cards = page.locator(f"[data-job='{answer.value.json()['id']}'] .take:not(.is-waiting)")
    expect(cards).to_have_count(4, timeout=60_000)
    return cards


def card_of(cards, at):
    card = cards.nth(at)
    return card, card.get_attribute("data-take")


def test_four_pieces_are_seen_heard_kept_and_thrown_away(visit, studio, model):
    page = visit(f"#/compose/{model}")
    wanted = []
    page.on("request", lambda r: "/score" in r.url and wanted.append(r.url))
    cards = four(page)
    first, id = card_of(cards, 0)
    take = studio.client.get(f"/api/takes/{id}").json()
    assert take["status"] == "offered" and take["facts"]["bars"] == 2
    expect(first.get_by_text("2 bars")).to_be_visible()
    nats = take["facts"].get("nats_per_note") or -take["facts"]["log_prob"] / take["facts"]["symbols"]
    said = first.locator("dd", has_text="nats").inner_text()
    assert float(re.search(r"[\d.]+", said.replace(",", ""))[0]) == pytest.approx(nats, abs=0.006)
    expect(first.get_by_text(take["facts"]["originality"]["said"])).to_be_visible()
    drawn = """async (canvas) => {
      const { width, height } = canvas;
      const has = () => canvas.toDataURL() !== Object.assign(canvas.cloneNode(), { width, height }).toDataURL();
      for (let at = 0; at < 200 && !has(); at++) await new Promise((go) => setTimeout(go, 20));
      return has();
    }"""
    assert first.locator("canvas").evaluate(drawn)

    first.get_by_role("button", name=re.compile("^Play")).click()
    expect(first.get_by_role("button", name=re.compile("^Pause"))).to_be_visible(timeout=30_000)
    heard = """async () => {
      const player = window.eratoPlayer, sound = new Float32Array(2048), began = player.time;
      for (let at = 0, loudest = 0; at < 100; at++) {
        await new Promise((go) => setTimeout(go, 30));
        player.analyser.getFloatTimeDomainData(sound);
        loudest = Math.max(loudest, ...sound.map(Math.abs));
        if (loudest > 0.001 && player.time > began) return true;
      }
      return false;
    }"""
    assert page.evaluate(heard)
    expect(first.locator(".playhead")).to_be_visible()
    first.get_by_role("button", name=re.compile("^Pause")).click()

    assert wanted == []  # nobody looked at a score yet
    first.get_by_text("Score", exact=True).click()
    page_one = first.get_by_role("img", name="Score, page 1")
    expect(page_one).to_be_visible(timeout=30_000)
    expect(page_one).to_have_js_property("complete", True)
    assert page_one.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100

    first.get_by_role("button", name=re.compile("^Keep")).click()
    expect(first.get_by_role("button", name=re.compile("^Keep"), pressed=True)).to_be_visible()
    second, other = card_of(cards, 1)
    second.get_by_role("button", name=re.compile("^Throw away")).click()
    expect(second.get_by_text("was thrown away")).to_be_visible()
    expect(second.locator("canvas")).to_be_hidden()
    status = [studio.client.get(f"/api/takes/{one}").json()["status"] for one in (id, other)]
    assert status == ["kept", "discarded"]
    second.get_by_role("button", name="Bring it back").click()
    expect(second.locator("canvas")).to_be_visible()
    assert studio.client.get(f"/api/takes/{other}").json()["status"] == "offered"

    page.goto(f"{studio.base}/#/keep")
    page.goto(f"{studio.base}/#/compose/{model}")
    expect(page.locator(".take-round .take")).to_have_count(4)  # still there


def test_what_is_set_is_asked_for_and_what_is_not_is_as_the_model_has_it(visit, studio, model):
    page = visit(f"#/compose/{model}")
    asked = asked_of(page)
    ended = {"id": "none", "kind": "compose", "state": "failed", "error": "Not now.", "request": {}, "change": 0}
    page.route("**/api/compose", lambda route: route.fulfill(status=202, json=ended))
    usual = studio.client.get(f"/api/models/{model}").json()["composes"]["usual"]
    page.get_by_label("How long").fill("1")
    page.get_by_text("More settings").click()
    go = page.get_by_role("button", name="Compose four")
    seed = page.get_by_label("Seed", exact=True)
    shown = seed.input_value()
    with page.expect_response("**/api/compose"):
        go.click()
    plain = {name: usual[name] for name in ("temperature", "top_k", "top_p")}
    assert asked[0] == {"model": model, "n": 4, "bars": 1, "seed": int(shown), **plain}
    expect(seed).not_to_have_value(shown)  # the next four are others

    page.get_by_label("Daring").fill("1.4")
    expect(page.get_by_text("1.40, wild")).to_be_visible()
    page.get_by_label("Only the likeliest").fill("7")
    page.get_by_label("Trim the unlikely").fill("0.9")
    page.get_by_label("Not copied").fill("9")
    page.get_by_label("Counted in").select_option("seconds")
    page.get_by_label("How long").fill("3")
    seed.fill("11")
    page.get_by_label("Hold").check()
    with page.expect_response("**/api/compose"):
        go.click()
    assert asked[1] == {
        "model": model, "n": 4, "seconds": 3, "seed": 11, "temperature": 1.4, "top_k": 7, "top_p": 0.9, "original": 9,
    }  # fmt: skip
    expect(go).to_be_enabled()
    expect(seed).to_have_value("11")
    page.get_by_role("button", name="Roll another seed").click()
    expect(seed).not_to_have_value("11")

    page.get_by_label("How long").fill("0")
    go.click()
    assert len(asked) == 2 and page.get_by_label("How long").evaluate("input => !input.validity.valid")


def test_a_piece_goes_on_from_a_bar_and_holds_what_was_before(visit, studio, model, keep):
    take = keep(scale(4), title="Four bars")
    page = visit(f"#/compose?take={take['id']}&bar=3")
    expect(page.get_by_label("Keep bars 1 to")).to_have_value("2")
    expect(page.get_by_text("goes on from bar 3")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Keep bars 1 to")).to_have_value("2")  # the address names it
    asked = asked_of(page)
    _, id = card_of(four(page), 0)
    assert asked[0]["prompt"] == {"take": take["id"], "to_bar": 2}
    made = studio.client.get(f"/api/takes/{id}").json()
    assert made["parent"] == take["id"]
    notes = [
        n for track in studio.client.get(f"/api/takes/{id}/piece").json()["score"]["tracks"] for n in track["notes"]
    ]
    before = sorted(note for note in notes if note[0] < 8 * QUARTER)
    assert before == [[QUARTER * beat, QUARTER, 60 + beat % 8, 80] for beat in range(8)]

    page.locator(f"[data-take='{id}']").get_by_role("button", name=re.compile("^Continue")).click()
    expect(page.get_by_role("button", name=re.compile("^Do not begin with After Four bars"))).to_be_visible()
    page.get_by_role("button", name=re.compile("^Do not begin with")).click()
    expect(page.get_by_text("Nothing: from the first note on.")).to_be_visible()
    assert "take=" not in page.url


def test_a_pickup_is_no_bar_of_its_own(visit, model, keep):
    notes = [[QUARTER * beat, QUARTER, 60, 80] for beat in (4, 8)]  # in the last quarters of bars 1 and 2
    take = keep(score(*notes) | {"time_signatures": [[0, 1, 4], [QUARTER, 4, 4]]})
    page = visit(f"#/compose?take={take['id']}&bar=2")
    expect(page.get_by_label("Keep bars 1 to")).to_have_value("1")
    expect(page.get_by_text("of 2.", exact=True)).to_be_visible()
    expect(page.get_by_text("goes on from bar 2")).to_be_visible()
    seen = """canvas => {
      const { width, height } = canvas, { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
      const places = [...data.keys()].filter((at) => at % 4 === 3 && data[at]).map((at) => ((at - 3) / 4) % width);
      return [Math.min(...places.filter((place) => place > 0.3 * width)) / width, Math.max(...places) / width];
    }"""
    # A quarter and bar 1, to its end: the note in its last quarter, behind the bar line.
    assert page.locator(".prompt-roll").evaluate(seen) == pytest.approx([0.8, 1], abs=0.02)


def test_a_file_is_dropped_to_begin_with_and_refused_where_it_was_dropped(visit, model, tmp_path):
    files = write_scales(tmp_path / "files", 1)
    page = visit(f"#/compose/{model}")
    prompt = page.get_by_role("region", name="Begin with")
    drop = """([name, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name));
      const said = { dataTransfer: data, bubbles: true, cancelable: true }, zone = document.querySelector(".drop");
      for (const kind of ["dragover", "drop"]) zone.dispatchEvent(new DragEvent(kind, said));
    }"""
    expect(prompt.locator(".drop")).to_be_visible()
    page.evaluate(drop, ["piece00.mid", list((files / "piece00.mid").read_bytes())])
    expect(prompt.get_by_text("piece00", exact=True)).to_be_visible()
    expect(prompt.get_by_label("Keep bars 1 to")).to_have_value("8")
    asked = asked_of(page)
    page.get_by_label("How long").fill("1")
    page.route("**/api/compose", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Compose four").click()
    assert set(asked[0]["prompt"]) == {"take"}  # all of it

    prompt.get_by_role("button", name=re.compile("^Do not begin with")).click()
    visit.expected += ["400", "ERR_FAILED"]
    (tmp_path / "shopping.mid").write_text("eggs, flour")
    prompt.locator("input[type=file]").set_input_files(tmp_path / "shopping.mid")
    expect(prompt.get_by_role("alert")).to_contain_text(re.compile("shopping", re.IGNORECASE))
    expect(prompt.get_by_text("Nothing: from the first note on.")).to_be_visible()


def test_a_round_outlives_the_page_and_is_cancelled(visit, model):
    page = visit(f"#/compose/{model}")
    page.get_by_label("How long").fill("900")
    page.get_by_role("button", name="Compose four").click()
    expect(page.locator(".take.is-waiting")).to_have_count(4)
    page.reload()
    expect(page.locator(".take.is-waiting")).to_have_count(4)
    page.locator(".compose-results").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled: nothing was composed.")).to_be_visible()


def test_what_goes_wrong_is_said_where_the_person_looks(visit, studio, model):
    page = visit(f"#/compose/{model}")
    results = page.locator(".compose-results")
    go = page.get_by_role("button", name="Compose four")
    expect(go).to_be_visible()
    weights = studio.folder / "runs" / model / "model.safetensors"
    bytes = weights.read_bytes()
    weights.write_bytes(bytes[:1000])
    try:
        go.click()
        alert = results.get_by_role("alert")
        expect(alert).to_be_visible(timeout=30_000)
        assert len(alert.inner_text()) > 20 and "Traceback" not in alert.inner_text()
    finally:
        weights.write_bytes(bytes)

    visit.expected.append("429")
    full = {"status": 429, "headers": {"Retry-After": "7"}, "json": {"error": "100 jobs wait already."}}
    page.route("**/api/compose", lambda route: route.fulfill(**full))
    go.click()
    expect(results.get_by_role("alert").first).to_have_text("100 jobs wait already. Try again in 7 seconds.")

    page = visit("#/compose/nobody")
    expect(page.get_by_text("There is no model nobody here")).to_be_visible()
    expect(page.get_by_label("Model", exact=True)).to_have_value(model)


def test_without_a_model_the_way_leads_to_training(visit):
    page = visit()
    page.route("**/api/models", lambda route: route.fulfill(json={"models": []}))
    page.get_by_role("link", name="Compose").first.click()
    expect(page.get_by_role("heading", name="There is no model yet")).to_be_visible()
    page.get_by_role("link", name="Train a model").click()
    expect(page).to_have_url(re.compile("#/train"))


def test_dials_keep_the_seeds_of_the_piece_that_is_varied_and_change_the_others(visit, studio, model, keep):
    take = keep(scale(1), title="Phrase")
    composes = {
        "bars": True, "seconds": False, "length": False, "prompt": False, "original": False, "sampler": [],
        "latents": {"tracks": ["Soprano", "Bass"], "parts": PARTS}, "usual": {"bars": 4},
    }  # fmt: skip
    phrases = {
        **studio.client.get(f"/api/models/{model}").json(),
        "id": "phrases",
        "name": "phrases",
        "composes": composes,
    }
    varied = {**take, "how": "composed", "model": "phrases", "settings": {"style": 3}, "facts": {"seed": 40}}
    page = visit()
    page.route("**/api/models", lambda route: route.fulfill(json={"models": [phrases]}))
    page.route(f"**/api/takes/{take['id']}", lambda route: route.fulfill(json=varied))
    page.route("**/api/compose", lambda route: route.fulfill(status=429, json={"error": "Full."}))
    visit.expected.append("429")
    asked = asked_of(page)
    go = page.get_by_role("button", name="Compose four")

    def composed():
        with page.expect_response("**/api/compose"):
            go.click()
        return {name: asked[-1][name] for name in (*PARTS, "parent") if name in asked[-1]}

    page.goto(f"{studio.base}/#/compose/phrases")
    expect(page.get_by_label("Begin with")).to_have_count(0)
    expect(page.get_by_role("radiogroup", name="Chords").get_by_text("Keep")).to_have_css("opacity", "0.5")
    assert composed() == {}  # nothing to keep from

    page.goto(f"{studio.base}/#/compose/phrases?vary={take['id']}")
    for part in ("Chords", "Style"):
        page.get_by_role("radiogroup", name=part, exact=True).get_by_text("Keep").click()
    assert composed() == {"chords": 40, "style": 3, "parent": take["id"]}
    page.get_by_text("by instrument").first.click()
    page.get_by_role("radiogroup", name="Melody of Bass").get_by_text("Keep").click()
    assert composed() == {"chords": 40, "style": 3, "melody": [None, 40], "parent": take["id"]}
    page.get_by_role("radiogroup", name="Melody of Soprano").get_by_text("Keep").click()
    page.get_by_role("radiogroup", name="Chords", exact=True).get_by_text("Change").click()
    assert composed() == {"style": 3, "melody": 40, "parent": take["id"]}
    expect(page.get_by_text("the same piece will come back")).to_have_count(0)
    for part in ("Chords", "Groove"):
        page.get_by_role("radiogroup", name=part, exact=True).get_by_text("Keep").click()
    expect(page.get_by_text("the same piece will come back")).to_be_visible()
    page.get_by_role("button", name="All new").click()
    expect(page.get_by_text("the same piece will come back")).to_have_count(0)
    assert composed() == {}


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(visit, model, width):
    page = visit(f"#/compose/{model}", width=width)
    expect(page.get_by_role("button", name="Compose four")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
