"""The parts of the piano roll that know no page: notes and what is done to them, bars and grids, playing in.

They run where they run in earnest, in Chromium; no server is there: the browser is handed the files. Without Chromium
these tests are skipped, but fail where CI is set, or ERATO_BROWSER=required.
"""

import json
from pathlib import Path

import pytest

import erato.studio

STATIC = Path(erato.studio.__file__).parent / "static"
TYPES = {".js": "text/javascript", ".html": "text/html", ".css": "text/css"}
# Two voices: bars of 4/4 at 480 ticks a quarter.
TWO_VOICES = {
    "ticks_per_quarter": 480,
    "tempos": [[0, 120]],
    "time_signatures": [[0, 4, 4]],
    "key_signatures": [],
    "bars": [0, 1920, 3840],
    "tracks": [
        {"name": "Flute", "program": 73, "drums": False, "notes": [[0, 480, 72, 80], [500, 400, 74, 90]]},
        {"name": "Bass", "program": 32, "drums": False, "notes": [[0, 1920, 36, 64]]},
    ],
}


@pytest.fixture(scope="module")
def page(browser):
    """An empty page that can import the studio's modules."""
    opened = browser.new_page()

    def hand(route):
        path = STATIC / route.request.url.removeprefix("http://roll.test/")
        if path.is_file():
            route.fulfill(body=path.read_bytes(), content_type=TYPES.get(path.suffix, "image/svg+xml"))
        else:
            route.fulfill(body="<!doctype html><title>roll</title>", content_type="text/html")

    opened.route("**/*", hand)
    opened.goto("http://roll.test/none")
    yield opened
    opened.close()


@pytest.fixture
def run(page):
    """Runs JavaScript with the modules as N (notes), T (time), P (places), M (midi_input), S (spoken)."""
    modules = {"N": "roll/notes", "T": "roll/time", "P": "roll/places", "M": "midi_input", "S": "roll/spoken"}
    imports = "".join(f"const {name} = await import('/js/{path}.js');" for name, path in modules.items())

    def ran(body, score=TWO_VOICES):
        return page.evaluate(f"async (score) => {{ {imports} const s = N.fromJson(score); {body} }}", score)

    return ran


def notes(run, operation, score=TWO_VOICES):
    """The notes of both tracks after an operation on `s`."""
    return [track["notes"] for track in run(f"return N.toJson({operation}).tracks", score)]


def test_a_score_comes_back_as_it_was(run):
    back = run("return N.toJson(s)")
    assert back == {key: value for key, value in TWO_VOICES.items() if key != "bars"}


def test_notes_come_back_in_the_order_of_time(run):
    flute, _ = notes(run, "N.added(s, [{track: 0, onset: 100, duration: 10, pitch: 60, velocity: 1}]).state")
    assert flute == [[0, 480, 72, 80], [100, 10, 60, 1], [500, 400, 74, 90]]


def test_notes_move_together_and_stay_on_the_keyboard_and_in_the_piece(run):
    assert notes(run, "N.moved(s, new Set([1, 2]), 240, -2)")[0] == [[240, 480, 70, 80], [740, 400, 72, 90]]
    # The second could go 400 earlier, and the lower of them 55 up: as far as all can go.
    assert notes(run, "N.moved(s, new Set([1, 2]), -400, 99)")[0] == [[0, 480, 125, 80], [500, 400, 127, 90]]
    assert notes(run, "N.moved(s, new Set([1, 3]), 0, -50)") == [
        [[0, 480, 36, 80], [500, 400, 74, 90]],
        [[0, 1920, 0, 64]],
    ]


def test_what_changes_nothing_is_the_same_state(run):
    same = "N.moved(s, new Set([1]), 0, 0)", "N.moved(s, new Set(), 9, 9)", "N.removed(s, new Set([99]))"
    more = "N.quantised(s, new Set([1]), 480)", "N.louder(s, new Set([1]), 0)", "N.added(s, []).state"
    for operation in (*same, *more):
        assert run(f"return {operation} === s"), operation


def test_no_operation_changes_the_state_before(run):
    assert run("""
        const before = JSON.stringify(s), all = new Set([1, 2, 3]);
        N.moved(s, all, 10, 1); N.resized(s, all, 10); N.removed(s, all); N.quantised(s, all, 480); N.louder(s, all, 5);
        N.onTrack(s, all, 1); N.duplicated(s, all, 480); N.withTempo(s, 60); N.pasted(s, N.copied(s, all), 5);
        return before === JSON.stringify(s)""")


def test_notes_become_longer_and_shorter_but_never_nothing(run):
    assert notes(run, "N.resized(s, new Set([1, 2]), 120)")[0] == [[0, 600, 72, 80], [500, 520, 74, 90]]
    assert notes(run, "N.resized(s, new Set([1, 2]), -9999, 'end', 60)")[0] == [[0, 60, 72, 80], [500, 60, 74, 90]]
    assert notes(run, "N.resized(s, new Set([2]), -100, 'start', 60)")[0][1] == [400, 500, 74, 90]
    assert notes(run, "N.resized(s, new Set([2]), 9999, 'start', 60)")[0][1] == [840, 60, 74, 90]
    assert notes(run, "N.resized(s, new Set([1]), -100, 'start', 60)")[0][0] == [0, 480, 72, 80]


def test_quantising_takes_onsets_to_the_grid_and_lengths_only_when_asked(run):
    assert notes(run, "N.quantised(s, new Set([2]), 120)")[0][1] == [480, 400, 74, 90]
    assert notes(run, "N.quantised(s, new Set([2]), 480, true)")[0][1] == [480, 480, 74, 90]


def test_loudness_stays_within_what_midi_has(run):
    assert [note[3] for note in notes(run, "N.louder(s, new Set([1, 2]), 40)")[0]] == [120, 127]
    assert [note[3] for note in notes(run, "N.louder(s, new Set([1, 2]), -85)")[0]] == [1, 5]
    assert [note[3] for note in notes(run, "N.withVelocity(s, new Set([1, 2]), 300)")[0]] == [127, 127]


def test_copies_are_pasted_from_their_first_onset_on_and_get_ids_of_their_own(run):
    pasted = run(
        """const {state, ids} = N.pasted(s, N.copied(s, new Set([1, 2])), 960);
        return [N.toJson(state).tracks[0].notes, [...ids]]"""
    )
    assert pasted == [[[0, 480, 72, 80], [500, 400, 74, 90], [960, 480, 72, 80], [1460, 400, 74, 90]], [4, 5]]


def test_copies_keep_their_length_in_a_piece_of_other_ticks(run):
    coarse = "N.fromJson({...score, ticks_per_quarter: 24, tracks: [{name: '', program: 0, drums: false, notes: []}]})"
    pasted = run(f"return N.toJson(N.pasted({coarse}, N.copied(s, new Set([1, 3])), 24).state).tracks")
    assert pasted[0]["notes"] == [
        [24, 96, 36, 64],
        [24, 24, 72, 80],
    ]  # of the second track, too: there is only one here


def test_once_more_is_on_the_next_line_of_the_grid(run):
    # The two take 900 ticks: two cells of 480.
    assert notes(run, "N.duplicated(s, new Set([1, 2]), 480).state")[0][2:] == [[960, 480, 72, 80], [1460, 400, 74, 90]]
    assert notes(run, "N.duplicated(s, new Set([1]), 480).state")[0][1] == [480, 480, 72, 80]


def test_undo_and_redo_bring_states_and_selections_back(run):
    seen = run("""
        const history = new N.History(s), one = N.moved(s, new Set([1]), 480, 0), two = N.removed(one, new Set([2]));
        history.push(one, new Set([1])); history.push(two, new Set()); history.push(two, new Set([3]));
        const said = [];
        history.undo(); said.push(history.state === one, [...history.now.selection]);
        history.undo(); said.push(history.state === s, history.undo());
        history.redo(); history.redo(); said.push(history.state === two, history.redo());
        history.undo(); history.push(s, new Set()); said.push(history.canRedo);
        return said""")
    assert seen == [True, [1], True, False, True, False, False]


def test_steps_of_a_key_that_is_held_are_undone_together(run):
    assert run("""
        const history = new N.History(s); let state = s;
        for (let press = 0; press < 5; press++) {
          state = N.moved(state, new Set([1]), 120, 0);
          history.push(state, new Set(), press > 0);
        }
        history.undo();
        return history.state === s && !history.canUndo""")


PICKUP = TWO_VOICES | {"time_signatures": [[0, 1, 4], [480, 3, 4], [1920, 6, 8]], "bars": []}


def test_bars_follow_the_time_signatures_and_go_on_after_the_end(run):
    assert run("return T.barLines(s, 6000)", PICKUP)[:7] == [0, 480, 1920, 3360, 4800, 6240]
    assert run("return T.barLines(s, 5000)")[:4] == [0, 1920, 3840, 5760]
    within = TWO_VOICES | {"bars": [0, 1920, 2400]}  # the last bar is not whole
    assert run("return T.barLines(s, 5000)", within)[:4] == [0, 1920, 3840, 5760]


def test_a_pickup_is_bar_nought(run):
    said = run(
        """const said = (tick) => { const {bar, beat} = T.barAt(s, tick); return [bar, beat]; };
        return [0, 480, 1919, 1920, 2160].map(said)""",
        PICKUP,
    )
    assert said == [[0, 1], [1, 1], [1, 3], [2, 1], [2, 2]]  # beats of 6/8 are eighths
    assert run("return [T.barStart(s, 1), T.barStart(s, 2), T.barStart(s, 9)]", PICKUP) == [480, 1920, 1920 + 7 * 1440]
    assert run("return [T.barStart(s, 1), T.barStart(s, 3)]") == [0, 3840]


def test_the_grid_begins_anew_in_every_bar(run):
    assert run("return [500, 719, 721, 1900].map((tick) => T.snapped(s, tick, 480))", PICKUP) == [480, 480, 960, 1920]
    odd = TWO_VOICES | {"time_signatures": [[0, 7, 8]], "bars": []}  # bars of 1680: no multiple of 480
    assert run("return [1600, 1700, 2150].map((tick) => T.snapped(s, tick, 480))", odd) == [1680, 1680, 2160]
    assert run("return [479, 480, 600].map((tick) => T.cellOf(s, tick, 480))") == [0, 480, 480]
    assert run("return [T.snapped(s, 77.6, 0), T.snapped(s, -50, 480)]") == [78, 0]


def test_seconds_and_ticks_by_tempos(run):
    faster = TWO_VOICES | {"tempos": [[0, 60], [480, 120], [960, 240]]}
    assert run(
        """const c = T.clockOf(s);
        return [c.seconds(480), c.seconds(720), c.seconds(1440), c.ticks(1.25), c.ticks(0.5), c.ticks(9)]""",
        faster,
    ) == [1.0, 1.25, 1.75, 720, 240, 960 + 7.5 * 4 * 480]
    late = TWO_VOICES | {"tempos": [[480, 60]]}  # what is before the first tempo has it, too
    none = TWO_VOICES | {"tempos": []}
    assert run("return T.clockOf(s).seconds(960)", none) == 1.0
    assert run("return T.clockOf(s).ticks(T.clockOf(s).seconds(1000))", late) == pytest.approx(1000)


def test_places_finds_what_looking_at_all_notes_finds(run):
    assert (
        run("""
        let seed = 1;
        const chance = (below) => { seed = (seed * 48271) % 2147483647; return seed % below; };
        const all = Array.from({length: 2000}, (_, id) => {
          const duration = 1 + chance(chance(10) ? 300 : 9000);
          return {id, track: 0, onset: chance(20000), duration, pitch: chance(128), velocity: 64};
        });
        const places = new P.Places(all);
        for (let n = 0; n < 300; n++) {
          const from = chance(20000), to = from + chance(2000), low = chance(128), high = low + chance(20);
          const sounds = (m) => m.onset < to && m.onset + m.duration > from && m.pitch >= low && m.pitch <= high;
          const wanted = all.filter(sounds).map(({id}) => id);
          const found = places.within(from, to, low, high).map(({id}) => id);
          if (String(found.sort((a, b) => a - b)) !== String(wanted)) return [from, to, low, high];
        }
        return null""")
        is None
    )


def test_a_place_has_the_notes_that_sound_there_and_those_near(run):
    at = "return P.placesOf(s).at({}).map(({{id}}) => id)"
    assert run(at.format("479, 72")) == [1]
    assert run(at.format("490, 72")) == []
    assert run(at.format("490, 72, 20")) == [1]
    assert run(at.format("479, 73")) == []


def played(run, events, end=9):
    heard = f"for (const event of {json.dumps(events)}) take.hear(event);"
    return run(f"const take = new M.Take(); {heard} return take.finish({end})")


def key(on, pitch, seconds, velocity=70):
    return {"on": on, "pitch": pitch, "velocity": velocity, "seconds": seconds}


def test_what_is_played_begins_with_its_first_key(run):
    events = [key(False, 50, 4.5), key(True, 60, 5.0), key(True, 64, 5.5, 90), key(False, 60, 6.0), key(False, 64, 7.0)]
    assert played(run, events) == [
        {"pitch": 60, "velocity": 70, "start": 0, "end": 1},
        {"pitch": 64, "velocity": 90, "start": 0.5, "end": 2},
    ]


def test_a_key_that_is_still_down_ends_with_the_recording_and_one_struck_again_ends_there(run):
    assert [note["end"] for note in played(run, [key(True, 60, 5.0), key(True, 60, 6.0)], 8)] == [1, 3]


def test_the_pedal_holds_notes_until_it_is_up_or_they_are_struck_again(run):
    events = [
        key(True, 60, 1), {"pedal": True, "seconds": 1.5}, key(False, 60, 2), key(True, 62, 2), key(False, 62, 3),
        key(True, 60, 3), key(False, 60, 3.5), {"pedal": False, "seconds": 5}, key(True, 64, 5), key(False, 64, 6),
    ]  # fmt: skip
    assert [(note["pitch"], note["start"], note["end"]) for note in played(run, events)] == [
        (60, 0, 2), (62, 1, 4), (60, 2, 4), (64, 4, 5)]  # fmt: skip


def test_notes_are_said_in_words(run):
    assert run("return S.noteInWords(s, s.notes[1], 2, 3)") == (
        "D 5, bar 1, beat 2, 0.83 quarters long, velocity 90, Flute, note 2 of 3"
    )
    assert run("return S.noteInWords(s, s.notes[2], 1, 3)").startswith("C 2, bar 1, beat 1, a whole note, ")
    assert run("return [S.pitchName(66), S.pitchName(0), S.pitchName(60)]") == ["F sharp 4", "C -1", "C 4"]
    assert run("return [S.selectionInWords(s, []), S.selectionInWords(s, s.notes)]") == [
        "Nothing is selected", "3 notes are selected"]  # fmt: skip


def drawn(page, score, span, places):
    """The colours of a picture of 200 by 100 pixels at places (x, y): [red, green, blue], None where nothing is; and
    whether anything is anywhere."""
    return page.evaluate(
        """async ([score, span, places]) => {
          const { drawRoll } = await import("/js/thumb.js"), canvas = document.createElement("canvas");
          Object.assign(canvas.style, { width: "200px", height: "100px", display: "block" });
          document.body.replaceChildren(canvas);
          drawRoll(canvas, score, span);
          const all = canvas.getContext("2d").getImageData(0, 0, 200, 100).data;
          const at = ([x, y]) => all.slice(4 * (200 * y + x), 4 * (200 * y + x) + 4);
          const colours = places.map(at).map(([red, green, blue, there]) => (there > 200 ? [red, green, blue] : null));
          return [colours, all.some((part) => part > 0)];
        }""",
        [score, span, places],
    )


def test_a_small_picture_shows_the_notes_of_its_stretch_in_the_colours_of_their_tracks(page):
    # Pitches 36 to 74 and two around: 43 rows of 100 / 43 pixels; 3840 ticks on 200 pixels.
    places = [(240, 72), (700, 74), (240, 36), (960, 36), (1200, 72), (3000, 36)]
    spots = [(int(tick * 200 / 3840), int((76 - pitch + 0.5) * 100 / 43)) for tick, pitch in places]
    loud = {**TWO_VOICES["tracks"][0], "notes": [[0, 480, 72, 80], [500, 400, 74, 120]]}
    score = TWO_VOICES | {"tracks": [loud, TWO_VOICES["tracks"][1]]}
    (flute, higher, bass, again, *none), _ = drawn(page, score, {}, spots)
    assert flute[2] > flute[0] + 60, "the first track is blue"
    assert bass[0] > bass[2] + 60, "the second orange"
    assert (again, none) == (bass, [None, None])
    assert sum(higher) < sum(flute), "louder is stronger"
    assert drawn(page, TWO_VOICES, {"from": 1920, "to": 3840}, [])[1] is False, "nothing sounds in the second bar"
