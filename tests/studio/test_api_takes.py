"""Takes over HTTP: drawn, imported, found, saved in place or as children, and what is refused."""

import gzip

import pytest
from symusic import Pedal, Score, TextMeta
from tests.conftest import scale_score  # type: ignore[import-not-found]

from erato.renderers.base import About
from erato.renderers.midi import midi_bytes
from erato.studio import takes


def notes_of(served, id):
    piece = served.client.get(f"/api/takes/{id}/piece").json()
    return [note for track in piece["score"]["tracks"] for note in track["notes"]]


def test_a_drawn_take_holds_what_was_drawn(served, drawn):
    assert drawn["kind"] == "music" and drawn["how"] == "drawn" and drawn["version"] == 1
    assert drawn["title"] == "Two notes" and drawn["status"] == "kept" and drawn["revisable"]
    assert drawn["facts"] == {"bars": 1, "seconds": 1.0, "notes": 2}
    assert notes_of(served, drawn["id"]) == [[0, 480, 60, 80], [480, 480, 64, 80]]
    assert served.client.get(f"/api/takes/{drawn['id']}").json() == drawn


def test_saving_in_place_and_two_tabs(served, drawn, score_json):
    path = f"/api/takes/{drawn['id']}/piece"
    score_json["tracks"][0]["notes"] = [[0, 960, 67, 100]]
    saved = served.client.put(path, json={"version": 1, "score": score_json}).json()
    assert saved["version"] == 2 and notes_of(served, drawn["id"]) == [[0, 960, 67, 100]]
    assert (drawn["facts"]["notes"], saved["facts"]["notes"]) == (2, 1)
    score_json["tracks"][0]["notes"] = [[0, 960, 50, 100]]
    other = served.client.put(path, json={"version": 1, "score": score_json})
    assert other.status_code == 409 and other.json()["take"]["version"] == 2
    assert notes_of(served, drawn["id"]) == [[0, 960, 67, 100]]


def test_a_take_with_children_stays_and_editing_makes_another(served, drawn, score_json):
    child = served.client.post("/api/takes", json={"how": "edited", "parent": drawn["id"], "score": score_json})
    assert child.status_code == 201 and child.json()["parent"] == drawn["id"]
    refused = served.client.put(f"/api/takes/{drawn['id']}/piece", json={"version": 1, "score": score_json})
    assert refused.status_code == 409 and not refused.json()["take"]["revisable"]
    found = served.client.get("/api/takes", params={"parent": drawn["id"]}).json()["takes"]
    assert [take["id"] for take in found] == [child.json()["id"]]


def test_what_json_does_not_hold_is_kept_of_the_parent(served):
    score = scale_score(bars=1)
    score.tracks[0].pedals.append(Pedal(0, 480))
    score.markers.append(TextMeta(0, "chord:Am7"))
    data = midi_bytes(score, About())
    made = served.client.post("/api/takes/import", params={"name": "with pedal.mid"}, content=data).json()
    asked = served.client.get(f"/api/takes/{made['id']}/piece").json()["score"]
    asked["tracks"][0]["notes"].append([0, 10, 100, 64])
    child = served.client.post("/api/takes", json={"how": "edited", "parent": made["id"], "score": asked}).json()
    exported = served.project.piece_path(_digest(served, child["id"]), "music")
    kept = Score(exported)
    assert len(kept.tracks[0].pedals) == 1 and "chord:Am7" in [marker.text for marker in kept.markers]
    assert 100 in [note.pitch for note in kept.tracks[0].notes]


def _digest(served, id):
    with served.project.read() as connection:
        return takes.get(connection, id).digest


def test_words(served):
    made = served.client.post("/api/takes", json={"how": "written", "text": "Oh, the sün\n"}).json()
    path = f"/api/takes/{made['id']}/piece"
    assert made["kind"] == "text" and made["facts"] == {"characters": 12}
    assert served.client.get(path).json() == {"version": 1, "kind": "text", "text": "Oh, the sün\n"}
    assert served.client.put(path, json={"version": 1, "text": "Another"}).json()["version"] == 2
    assert served.client.get(path).json()["text"] == "Another"


def test_words_are_not_saved_over_music_nor_music_over_words(served, drawn, score_json):
    words = served.client.post("/api/takes", json={"how": "written", "text": "la"}).json()
    for take, body in ((drawn, {"text": "la"}), (words, {"score": score_json})):
        refused = served.client.put(f"/api/takes/{take['id']}/piece", json={"version": 1, **body})
        assert refused.status_code == 400 and "give" in refused.json()["error"]
        refused = served.client.post("/api/takes", json={"how": "edited", "parent": take["id"], **body})
        assert refused.status_code == 400
    both = {"how": "drawn", "score": score_json, "text": "la"}
    for body in (both, {"how": "drawn"}):
        refused = served.client.post("/api/takes", json=body)
        assert (refused.status_code, refused.json()["error"]) == (
            400,
            "the body must be an object with either score or text.",
        )


def test_importing_files(served, music_folder):
    data = (music_folder / "piece00.mid").read_bytes()
    made = served.client.post("/api/takes/import", params={"name": "down/../My piece.mid"}, content=data)
    take = made.json()
    assert made.status_code == 201 and take["title"] == "My piece" and take["how"] == "imported"
    assert take["facts"]["bars"] == 8 and take["lost"] == {} and not take["revisable"]
    packed = served.client.post("/api/takes/import", params={"name": "a.mid.gz"}, content=gzip.compress(data))
    assert packed.status_code == 201
    words = served.client.post("/api/takes/import", params={"name": "a.txt"}, content=b"la la")
    assert words.status_code == 201 and words.json()["kind"] == "text"
    refused = served.client.put(f"/api/takes/{take['id']}/piece", json={"version": 1, "text": "x"})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    "name, data, word",
    [
        ("a.exe", b"MZ", "not read"),
        ("a", b"MThd", "not read"),
        ("a.mid", b"", "empty"),
        ("a.mid", b"MThd", "a.mid"),
        ("a.mid", b"%PDF-1.4", "PDF"),
        ("a.musicxml", b"<html/>", "a.musicxml"),
    ],
)
def test_files_that_are_no_music_say_why(served, name, data, word):
    before = served.client.get("/api/takes").json()
    refused = served.client.post("/api/takes/import", params={"name": name}, content=data)
    assert refused.status_code == 400 and word in refused.json()["error"]
    assert served.client.get("/api/takes").json() == before


def test_what_a_person_says_of_a_take(served, drawn):
    path = f"/api/takes/{drawn['id']}"
    changed = served.client.patch(
        path,
        json={"title": "<b>Ü</b>", "starred": True, "tags": ["slow", "best"], "note": "n\n", "status": "discarded"},
    ).json()
    assert (changed["title"], changed["starred"], changed["tags"]) == ("<b>Ü</b>", True, ["best", "slow"])
    assert changed["status"] == "discarded" and changed["note"] == "n\n" and changed["version"] == 1
    for query in ({"tag": "slow"}, {"starred": "true", "status": "discarded"}, {"q": "ü best"}):
        found = served.client.get("/api/takes", params=query).json()["takes"]
        assert [take["id"] for take in found] == [drawn["id"]], query
    assert served.client.get("/api/takes", params={"q": "nothing of this kind"}).json()["takes"] == []
    assert served.client.patch(path, json={}).status_code == 200
    served.client.patch(path, json={"tags": [], "starred": False, "title": "", "status": "kept"})


@pytest.mark.parametrize(
    "body, word",
    [
        ({"title": "a" * 201}, "200 characters"),
        ({"title": 5}, "title must be a text"),
        ({"tags": "slow"}, "tags must be a list"),
        ({"tags": ["a" * 51]}, "tags[0]"),
        ({"tags": ["a"] * 51}, "50 or fewer"),
        ({"status": "gone"}, "status must be one of offered, kept, discarded"),
        ({"starred": 1}, "starred must be true or false"),
        ({"titel": "x"}, "did you mean title"),
        ({"id": "x"}, "unknown name"),
        ({"digest": "x"}, "unknown name"),
    ],
)
def test_what_cannot_be_said_of_a_take(served, drawn, body, word):
    refused = served.client.patch(f"/api/takes/{drawn['id']}", json=body)
    assert refused.status_code == 400 and word in refused.json()["error"], refused.text
    assert served.client.get(f"/api/takes/{drawn['id']}").json() == drawn


@pytest.mark.parametrize(
    "change, word",
    [
        ({"ticks_per_quarter": 0}, "ticks_per_quarter"),
        ({"tempos": [[0]]}, "tempos[0]"),
        ({"tempos": [[0, -1]]}, "tempos[0][1]"),
        ({"tracks": {}}, "tracks must be a list"),
        ({"tracks": [{"notes": [[0, 480, 128, 80]]}]}, "128"),
        ({"tracks": [{"notes": [[-1, 480, 60, 80]]}]}, "-1"),
        ({"tracks": [{"notes": [[0, 0, 60, 80]]}]}, "1 or more"),
        ({"tracks": [{"notes": [[0, 480, 60]]}]}, "4"),
        ({"tracks": [{"notes": [[0, 480, 60.5, 80]]}]}, "whole"),
        ({"tracks": [{"notes": [], "program": 128}]}, "program"),
        ({"tracks": [{"name": "x"}]}, "notes is missing"),
        ({"surprise": 1}, "unknown name"),
    ],
)
def test_scores_that_no_file_could_hold(served, score_json, change, word):
    refused = served.client.post("/api/takes", json={"how": "drawn", "score": {**score_json, **change}})
    assert refused.status_code == 400 and word in refused.json()["error"], refused.text


def test_takes_that_are_not_there(served, score_json):
    for method, path in (("GET", ""), ("GET", "/piece"), ("GET", "/score"), ("GET", "/sound.wav"), ("PATCH", "")):
        answer = served.client.request(method, f"/api/takes/nothing{path}", json={} if method == "PATCH" else None)
        assert answer.status_code == 404 and "no take" in answer.json()["error"]
    body = {"how": "edited", "parent": "nothing", "score": score_json}
    assert served.client.post("/api/takes", json=body).status_code == 404


def test_five_thousand_notes_are_saved_at_once(served, score_json):
    score_json["tracks"][0]["notes"] = [[120 * n, 120, 40 + n % 40, 80] for n in range(5000)]
    made = served.client.post("/api/takes", json={"how": "drawn", "score": score_json})
    assert made.status_code == 201 and len(notes_of(served, made.json()["id"])) == 5000
