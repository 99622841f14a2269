"""The whole way in a browser, against a real studio: from a folder that is chosen to files that hold what was edited.

Needs Chromium: without one these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import re
import zipfile
from pathlib import Path

import pytest
import soundfile
import symusic
from playwright.sync_api import expect

from erato import corpora, render
from erato.reading import read_piece

SMALL = "model.width=32 model.layers=1 model.heads=2 training.valid_symbols=256 windows.length=64"
HEARD = """async () => {
  const { eratoPlayer: player } = window, sound = new Float32Array(2048), began = player.time;
  for (let loudest = 0, at = 0; at < 200; at++) {
    await new Promise((go) => setTimeout(go, 30));
    player.analyser.getFloatTimeDomainData(sound);
    loudest = Math.max(loudest, ...sound.map(Math.abs));
    if (loudest > 0.001 && player.time > began + 0.2) return true;
  }
  return false;
}"""


def chorales(folder: Path) -> Path:
    """Thirty chorales as MIDI files."""
    folder.mkdir()
    pieces = corpora.find("bach-chorales").pieces("music")
    for number in range(30):
        render(pieces[number], folder / f"chorale{number:02d}.mid")
    return folder


def saved(page, link, folder) -> Path:
    """The file that a link saves."""
    with page.expect_download(timeout=60_000) as download:
        link.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def notes_of(score: symusic.Score) -> list[tuple[float, float, int]]:
    """[(onset, duration, pitch)] in quarters."""
    per = score.ticks_per_quarter
    return sorted((n.time / per, n.duration / per, n.pitch) for track in score.tracks for n in track.notes)


def test_from_a_folder_to_files_that_hold_the_edits(visit, studio, music_folder, tmp_path):
    walk(visit, studio, music_folder, tmp_path, 0.1, SMALL)


@pytest.mark.slow
def test_from_a_folder_of_chorales_and_a_minute_of_training_to_files(visit, studio, tmp_path):
    walk(visit, studio, chorales(tmp_path / "chorales"), tmp_path, 1, "")


def walk(visit, studio, music, tmp_path, minutes, numbers):
    page = visit()
    page.set_default_timeout(30_000)
    page.get_by_role("link", name=re.compile("^Train on my music|^Train a new one")).click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(music)
    report = page.get_by_role("region", name="What can be read")
    expect(report.get_by_text(re.compile("of .* files can be used"))).to_be_visible(timeout=30_000)
    page.get_by_role("textbox", name="Name of the model").fill("Mine")
    page.get_by_role("spinbutton", name="Minutes").fill(str(minutes))
    if numbers:
        page.get_by_text("More settings").click()
        page.get_by_role("textbox", name="Numbers of the recipe").fill(numbers)
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("link", name="Compose with it").click(timeout=60_000 * (minutes + 2))

    page.get_by_label("How long").fill("6")
    page.get_by_role("button", name="Compose four").click()
    cards = page.locator(".take-round .take:not(.is-waiting)")
    expect(cards).to_have_count(4, timeout=60_000)
    for at in range(4):
        expect(cards.nth(at).locator("dd", has_text="nats")).to_be_visible()
        expect(cards.nth(at).locator("dd", has_text="in a row")).to_be_visible()
    cards.first.get_by_role("button", name=re.compile("^Play")).click()
    expect(cards.first.get_by_role("button", name=re.compile("^Pause"))).to_be_visible(timeout=30_000)
    assert page.evaluate(HEARD), "the clock moves and the sound is not silent"
    cards.first.get_by_role("button", name=re.compile("^Keep")).click()
    composed = cards.first.get_attribute("data-take")
    cards.first.get_by_role("link", name=re.compile("^Edit")).click()

    roll = page.locator(".pianoroll")
    expect(roll).to_be_visible()
    before = studio.client.get(f"/api/takes/{composed}/piece").json()["score"]
    assert sum(len(track["notes"]) for track in before["tracks"]) >= 3
    page.evaluate("document.querySelector('.pianoroll').focus()")
    page.keyboard.press("Tab")  # the first note: an octave up
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Tab")  # the second: a semitone down
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Delete")  # the third goes
    page.keyboard.press("Control+s")
    expect(page.locator(".edit-state")).to_have_text("Saved")
    edited = page.url.rsplit("/", 1)[1]
    assert edited != composed, "what was composed stays as it was"
    assert studio.client.get(f"/api/takes/{composed}/piece").json()["score"] == before
    score = studio.client.get(f"/api/takes/{edited}/piece").json()["score"]
    assert sum(len(track["notes"]) for track in score["tracks"]) == sum(len(t["notes"]) for t in before["tracks"]) - 1

    page.get_by_label("From bar").fill("5")
    page.get_by_label("New bars").fill("2")
    page.get_by_role("button", name="Continue from bar 5").click()
    onwards = page.locator(".edit-onwards .take:not(.is-waiting)")
    expect(onwards).to_have_count(4, timeout=60_000)
    continued = onwards.first.get_attribute("data-take")
    bar5 = score["bars"][4]
    first_bars = [sorted([n[0], n[2]] for t in one["tracks"] for n in t["notes"] if n[0] < bar5) for one in
                  (score, studio.client.get(f"/api/takes/{continued}/piece").json()["score"])]  # fmt: skip
    assert first_bars[0] == first_bars[1], "the prompt, edits and all"

    page.goto(f"{studio.base}/#/compare/{composed}/{edited}")
    expect(page.get_by_role("img", name=re.compile("^Notes of"))).to_have_count(2)
    expect(page.get_by_role("table")).to_be_visible()

    page.goto(f"{studio.base}/#/keep?take={edited}")
    wanted = sorted(
        (onset / score["ticks_per_quarter"], duration / score["ticks_per_quarter"], pitch)
        for track in score["tracks"]
        for onset, duration, pitch, _ in track["notes"]
    )
    midi = saved(page, page.get_by_role("link", name="MIDI"), tmp_path)
    assert notes_of(symusic.Score(midi)) == wanted
    notated = saved(page, page.get_by_role("link", name="MusicXML"), tmp_path)
    assert {pitch for _, _, pitch in notes_of(read_piece(notated))} == {pitch for _, _, pitch in wanted}
    sound, rate = soundfile.read(saved(page, page.get_by_role("link", name="WAV"), tmp_path))
    assert abs(sound).max() > 0.01 and len(sound) / rate >= score["seconds"] - 0.1
    pdf = saved(page, page.get_by_role("link", name="PDF"), tmp_path)
    assert pdf.read_bytes().startswith(b"%PDF")
    page.get_by_role("button", name="Bring in, take along").click()
    page.get_by_role("button", name="All takes as files").click()
    packed = saved(page, page.get_by_role("link", name="Save the zip"), tmp_path)
    with zipfile.ZipFile(packed) as opened:
        names = opened.namelist()
        kinds = {Path(name).suffix for name in names}
        assert {".mid", ".musicxml", ".wav"} <= kinds
        inside = [symusic.Score.from_midi(opened.read(name)) for name in names if name.endswith(".mid")]
    assert wanted in [notes_of(one) for one in inside], "the zip has the edits, too"
