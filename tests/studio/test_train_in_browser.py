"""From a folder of files to a model, in a browser: dropped, checked, trained, paused, kept; and what is said when it
goes wrong.

Needs Chromium: without one these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import base64
import re
import signal

import pytest
from playwright.sync_api import expect

SMALL = "model.width=16 model.layers=1 windows.length=16 training.evaluations=80 training.valid_symbols=64"
SOON = 60_000  # milliseconds, on a computer that has other things to do


@pytest.fixture
def songs(music_folder):
    """Twelve pieces, one of them twice, and two files that are none."""
    (music_folder / "more").mkdir()
    (music_folder / "more" / "again.mid").write_bytes((music_folder / "piece03.mid").read_bytes())
    (music_folder / "more" / "&lt;broken.mid").write_text("no music", "utf-8")
    (music_folder / "cut.mid").write_bytes((music_folder / "piece01.mid").read_bytes()[:40])
    (music_folder / ".DS_Store").write_bytes(b"x")
    return music_folder


def choose(page, folder):
    """Takes a folder through the browser's own choice of one."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)


def drop(page, files):
    """Drops files of these names and bytes on the place for it."""
    page.locator(".zone").wait_for()
    page.evaluate(
        """files => {
          const transfer = new DataTransfer();
          for (const [name, data] of files)
            transfer.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], name));
          const zone = document.querySelector(".zone");
          for (const type of ["dragenter", "dragover", "drop"])
            zone.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
        }""",
        [[name, base64.b64encode(data).decode()] for name, data in files],
    )


def start(page, name, minutes, numbers=SMALL):
    page.get_by_role("textbox", name="Name of the model").fill(name)
    page.get_by_role("spinbutton", name="Minutes").fill(str(minutes))
    page.get_by_text("More settings").click()
    page.get_by_role("textbox", name="Numbers of the recipe").fill(numbers)
    page.get_by_role("button", name="Start training").click()


def points(page):
    """How many points the line of unseen pieces has."""
    path = page.locator("svg.curve path.valid")
    return len(re.findall("[ML]", path.get_attribute("d") or "")) if path.count() else 0


def learnt(page, least):
    """Waits until the line has so many points."""
    for _ in range(1200):
        if (found := points(page)) >= least:
            return found
        page.wait_for_timeout(50)
    pytest.fail(f"the line of unseen pieces has {points(page)} points")


def test_a_folder_is_checked_trained_paused_and_kept(visit, studio, songs):
    page = visit("#/train")
    choose(page, songs)
    report = page.get_by_role("region", name="What can be read")
    expect(report.get_by_text("of 15 files can be used")).to_be_visible(timeout=SOON)
    figures = dict(zip(*[report.locator(f".figure {tag}").all_inner_texts() for tag in ("dt", "dd")], strict=True))
    assert figures["of 15 files can be used"] == "12" and figures["duplicate, used once"] == "1"
    assert figures["notes"] == str(12 * (32 + 8)) and figures["of music"] == "3 minutes"  # 12 times 8 bars of 2 s
    report.get_by_text("Not what the name says").click()
    expect(report.get_by_text("&lt;broken.mid")).to_be_visible()
    expect(page.get_by_role("radio", name="Event transformer")).to_be_checked()
    assert page.get_by_role("radio", name="Char transformer").count() == 0  # it is music
    start(page, "Scales <b>& steps", 0.6)

    expect(page.get_by_role("heading", level=1)).to_have_text("Scales <b>& steps")
    assert learnt(page, 2) >= 2
    expect(page.get_by_text(re.compile(r"^\d+ (minutes?|seconds) left$"))).to_be_visible()
    expect(page.get_by_role("group", name=re.compile("^After .* step")).first).to_be_visible()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible(timeout=SOON)
    before = points(page)

    address = page.url
    page.close()
    page = visit()
    strip = page.get_by_role("region", name="What runs now")
    expect(strip.get_by_text("Paused")).to_be_visible()
    strip.get_by_role("button", name="Resume Training: Scales <b>& steps").click()
    page.goto(address)
    learnt(page, before + 2)
    page.get_by_role("button", name="Stop and keep").click()
    expect(page.get_by_role("link", name="Compose with it")).to_be_visible(timeout=SOON)
    assert not strip.get_by_role("listitem").count()
    [model] = studio.client.get("/api/models").json()["models"]
    assert model["state"] == "ready" and address.endswith(model["id"])
    assert page.get_by_role("link", name="Compose with it").get_attribute("href") == f"#/compose/{model['id']}"


@pytest.mark.slow  # test_workers.py kills servers of trainings, and test_start_in_browser.py ends one under a page
def test_a_training_outlives_a_crash_of_the_studio(visit, studio, songs):
    page = visit("#/train", width=390)
    visit.expected.append("net::ERR_")
    drop(page, [(path.name, path.read_bytes()) for path in sorted(songs.glob("piece*.mid"))])
    expect(page.get_by_role("button", name="Start training")).to_be_visible(timeout=SOON)
    start(page, "Crash", 0.08)
    learnt(page, 2)
    studio.end(signal.SIGKILL)
    expect(page.get_by_role("alert").filter(has_text="The studio is not running")).to_be_visible(timeout=SOON)
    studio.start()
    expect(page.get_by_role("alert").filter(has_text="The studio is not running")).to_be_hidden(timeout=SOON)
    expect(page.get_by_role("link", name="Compose with it")).to_be_visible(timeout=SOON)


def test_what_cannot_be_learnt_from_is_said_where_one_looks(visit, studio):
    page = visit("#/train")
    drop(page, [])
    expect(page.get_by_role("alert")).to_have_text("There were no files in that.")
    drop(page, [("notes.mid", b"no music"), ("<img src=x onerror=alert(1)>.mid", b"\0" * 20)])
    expect(page.get_by_role("alert").get_by_text("Nothing in it can be learnt from")).to_be_visible(timeout=SOON)
    assert page.get_by_role("button", name="Start training").count() == 0
    page.get_by_text("Not what the name says").first.click()
    expect(page.get_by_text("notes.mid is text, not MIDI.")).to_be_visible()
    assert page.locator("main img").count() == 0
    page.goto(f"{studio.base}/#/train/nothing-here")
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_folder_that_is_dropped_breaks_off_on_its_way_and_goes_on_or_not(visit, studio, songs):
    (songs / "more" / "inner").mkdir()
    (songs / "more" / "inner" / "deep.mid").write_bytes((songs / "piece02.mid").read_bytes())
    page = visit("#/train")
    visit.expected.append("ERR_FAILED")
    box, mouse = page.locator(".zone").bounding_box(), page.context.new_cdp_session(page)
    place = {"x": box["x"] + 50, "y": box["y"] + 50}
    what = {"items": [], "files": [str(songs)], "dragOperationsMask": 1}

    def broken_off():
        sent = []
        page.route(
            "**/files?*", lambda route: route.abort() if len(sent) > 5 else (sent.append(route), route.continue_())
        )
        for kind in ("dragEnter", "dragOver", "drop"):
            mouse.send("Input.dispatchDragEvent", {"type": kind, **place, "data": what})
        expect(page.get_by_role("button", name="Go on")).to_be_visible()
        page.unroute("**/files?*")

    before = len(studio.client.get("/api/corpora").json()["corpora"])
    broken_off()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Drop a folder of music here")).to_be_visible()
    broken_off()
    page.get_by_role("button", name="Go on").click()
    expect(page).to_have_url(re.compile("#/train/.+"))
    corpora = studio.client.get("/api/corpora").json()["corpora"]
    assert len(corpora) == before + 1  # what was cancelled is gone
    [made] = [one for one in corpora if one["id"] == page.url.rsplit("/", 1)[1]]
    assert made["name"] == songs.name and made["files"] == sum(
        path.is_file() and path.name[0] != "." for path in songs.rglob("*")
    )


def test_a_training_that_fails_says_why_and_leads_back(visit, studio, songs):
    visit.expected.append("400 (Bad Request)")
    page = visit("#/train")
    choose(page, songs)
    expect(page.get_by_role("button", name="Start training")).to_be_visible(timeout=SOON)
    start(page, "Wrong", 1, "nonsense")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
    page.get_by_role("textbox", name="Numbers of the recipe").fill("model.wide=3")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("alert").get_by_text("model.wide")).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="Back to its settings").click()
    expect(page.get_by_role("button", name="Start training")).to_be_visible(timeout=SOON)
