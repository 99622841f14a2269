"""The page of a listening test: equal sounds, opaque markup, nothing that tells whose a piece is."""

import io
import json
import re

import numpy as np
import pytest
from symusic import Note, Score, Track

from erato.renderers.listen_page import SCRIPT, Pair, Test, fitted, listen_page, sounds
from erato.renderers.loudness import TARGET, integrated
from erato.renderers.page_sound import RATE


def score(quarters, velocity=80, every=1):
    """A note every so many quarters, 120 a minute."""
    made = Score(480)
    made.tracks.append(Track("", 0, False))
    for beat in range(0, quarters, every):
        made.tracks[0].notes.append(Note(480 * beat, 480 * every, 60 + beat % 12, velocity))
    return made


@pytest.fixture(scope="module")
def made():
    """Three pieces of 4, 2 and 10 seconds as sounds of 6; the second is very soft."""
    return sounds([score(8), score(4, velocity=20), score(20)], 6.0)


def decoded(mp3):
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(mp3), dtype="float32", always_2d=True)
    assert rate == RATE
    return samples


def test_sounds_have_the_same_length_size_and_loudness(made):
    assert len({len(one) for one in made}) == 1  # to the byte
    samples = [decoded(one) for one in made]
    assert {one.shape for one in samples} == {(6 * RATE, 2)}
    for one in samples:
        assert integrated(one, RATE) == pytest.approx(TARGET, abs=1.5)
    first, soft, long = samples
    assert np.abs(soft[-RATE:]).max() < 1e-3 < np.abs(soft[:RATE]).max()
    assert np.abs(long[-RATE // 10 :]).max() < np.abs(long[-2 * RATE : -RATE]).max() / 3 and len(first)


def test_sounds_carry_no_tags(made):
    for one in made:
        assert not one.startswith(b"ID3") and b"TAG" not in one[-128:] and b"Erato" not in one
    assert made == sounds([score(8), score(4, velocity=20), score(20)], 6.0)  # and come again


def test_much_sound_is_in_mono_all_of_it(monkeypatch):
    monkeypatch.setattr("erato.renderers.listen_page.STEREO_S", 3.9)
    both = sounds([score(2), score(4)], 2.0)
    assert [decoded(one).shape[1] for one in both] == [1, 1] and len(both[0]) == len(both[1])


def test_fitting_pads_and_fades():
    rows = np.ones((10, 2), np.float32)
    assert fitted(rows, 14, 4)[:, 0].tolist() == [1] * 10 + [0] * 4
    assert fitted(rows, 8, 4)[:, 1].tolist() == pytest.approx([1, 1, 1, 1, 1, 2 / 3, 1 / 3, 0])
    assert fitted(rows, 10, 4)[:, 0].tolist() == [1] * 10
    assert fitted(rows, 2, 4).shape == (2, 2)


def test(parts, **changes):
    ids = list(parts)
    pairs = [Pair("q2", ids[0], ids[1]), Pair("q1", ids[1], ids[2])]
    return Test("00112233aabbccdd", pairs, parts, **{"length": 6.0, "asks_person": True, **changes})


test.__test__ = False


def held(page, what):
    return json.loads(re.search(rf'<script type="application/json" id="{what}">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_holds_pairs_in_order_and_parts_by_id(made):
    page = listen_page(test(dict(zip(("c3", "a1", "b2"), made, strict=True))))
    assert held(page, "test")["pairs"] == [["q2", "c3", "a1"], ["q1", "a1", "b2"]]
    assert list(held(page, "parts")) == ["a1", "b2", "c3"]  # not in the order of sources
    assert len(page) < 4 / 3 * sum(map(len, made)) + 60_000  # each sound once


def test_the_page_asks_nobody_for_anything(made):
    page = listen_page(test(dict(zip("abc", made, strict=True))))
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "media-src data:" in policy
    without = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert not re.search(r"https?:|//\w|fetch\(|XMLHttp|WebSocket|sendBeacon|import\(", without.replace("// ", ""))
    assert without.count("<script>") == 1 and SCRIPT in page
    assert all(label not in page for label in ("<link", "<iframe", "<form"))


def test_it_says_what_was_made_equal_and_asks_for_a_person_only_where_there_is_one(made):
    parts = dict(zip("abc", made, strict=True))
    page = listen_page(test(parts, equal=["All are <b>loud</b>."]))
    assert "All are &lt;b&gt;loud&lt;/b&gt;." in page and "written by people" in page and "data-person" in page
    alone = listen_page(test(parts, asks_person=False))
    shown = alone.replace(SCRIPT, "")
    assert "All were composed by programs" in shown and "data-person" not in shown and "Which?" not in shown
    assert "What was made equal" not in shown


def test_texts_are_read_and_do_nothing():
    hostile = "</script><script>alert(1)</script>"
    page = listen_page(test({"a": hostile, "b": "Sing, Muse", "c": "of rage"}, length=0.0))
    assert "<title>Reading test</title>" in page and "<audio" not in page and page.count("<pre") == 2
    assert page.count("alert(1)") == 1 and "<script>alert" not in page
    assert held(page, "parts")["a"] == hostile and held(page, "test")["kind"] == "text"
