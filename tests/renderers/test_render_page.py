"""The page: everything is on it, as text, and nothing is asked of anyone."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from symusic import Note, Score, Tempo, Track

from erato.reading import read_piece
from erato.renderers import RENDERERS, About, write_page
from erato.renderers.midi import midi_bytes
from erato.renderers.page import fragment_of, page_record, write_page_of
from erato.renderers.page_items import Budget, PageItem, page_items, shares, slug
from erato.renderers.pianoroll import picture
from erato.renderers.records import png_record

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = '"><script>alert(1)</script>\' onload="x" & \u202egnp.exe'


class Reader(HTMLParser):
    """A page as tags and texts; fails where tags do not close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str) -> list[str]:
        return [text.strip() for name, text in self.texts if name == tag]


def one_note(name: str = "Flöte") -> Score:
    score = Score(480)
    made = Track(name, 73, False)
    made.notes.append(Note(0, 480, 60, 64))
    score.tracks.append(made)
    return score


def read(path: Path) -> Reader:
    return Reader(path.read_text(encoding="utf-8"))


def payload(uri: str | None) -> bytes:
    assert uri is not None and uri.startswith("data:")
    return base64.b64decode(uri.split(";base64,", 1)[1])


def test_the_page_shows_names_and_holds_everything(tmp_path: Path) -> None:
    score = one_note()
    roll, midi = picture(score), midi_bytes(score)
    items = [
        PageItem("First", score, {"seed": "1"}, roll, {"001.mid": midi, "001.csv": b"a,b"}, score=["<svg>1</svg>"]),
        PageItem(
            "Second", "Two  lines\n  of verse", {"seed": "2"}, None, {"002.txt": b"Two"}, said=["Half is left out."]
        ),
    ]
    write_page(tmp_path / "x.html", "Pieces", "How it went.\n\nAnd then.", items, {"recipe": "char-lstm"})
    page = read(tmp_path / "x.html")
    assert page.text("h1") == ["Pieces"] and page.text("title") == ["Pieces"]
    assert page.text("h2") == ["First", "Second", "How this was made"]
    assert page.text("pre") == ["Two  lines\n  of verse"]
    assert {"How it went.", "And then."} <= set(page.text("p"))
    assert "Half is left out." in page.text("li")
    assert any("1 bar, 1 note" in text and "Flöte (Flute)" in text for text in page.text("p"))
    pairs = list(zip(page.text("dt"), page.text("dd"), strict=True))
    assert pairs == [("seed", "1"), ("seed", "2"), ("recipe", "char-lstm")]
    links = {a["download"]: payload(a["href"]) for a in page.all("a") if "href" in a and "download" in a}
    assert links == {"001.mid": midi, "001.csv": b"a,b", "002.txt": b"Two"}
    image, sheet = page.all("img")
    assert payload(image["src"]) == roll.png and "Piano roll of First: 1 bar, 1 note" in (image["alt"] or "")
    assert payload(sheet["src"]) == b"<svg>1</svg>" and sheet["alt"] == "Score of First, page 1 of 1"
    named = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    targets = {(a["href"] or "")[1:] for a in page.all("a") if (a.get("href") or "").startswith("#")}
    assert targets == {"piece-1", "piece-2"} and targets <= named
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("audio") == []  # as nothing sounds


def test_the_page_asks_nothing_of_anyone(tmp_path: Path) -> None:
    RENDERERS[".html"].write(one_note(), tmp_path / "x.html", About("Title", {"source": "https://example.org/x"}))
    page = read(tmp_path / "x.html")
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert not page.all("link")
    style = "".join(page.text("style"))
    assert "url(" not in style and "@import" not in style
    policy = [m["content"] or "" for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert len(policy) == 1 and policy[0].startswith("default-src 'none'") and "http" not in policy[0]
    (script,) = re.findall(r"<script>(.*?)</script>", (tmp_path / "x.html").read_text("utf-8"), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[0] and "unsafe" not in policy[0].partition("script-src")[2][:70]
    assert "https://example.org/x" in page.text("dd")


def test_whatever_was_typed_comes_out_as_text(tmp_path: Path) -> None:
    about = About(HOSTILE, {HOSTILE: HOSTILE}, {HOSTILE: [HOSTILE, "</script><script>alert(1)</script>"]})
    pieces = [
        (HOSTILE, one_note(HOSTILE), about),
        ("</pre>", f"</pre><img src=x onerror=alert(1)>\x00\x1b[31m{HOSTILE}", about),
    ]
    write_page_of(tmp_path / "x.html", HOSTILE, HOSTILE, pieces, {})
    page = read(tmp_path / "x.html")
    assert [script.get("type") for script in page.all("script")] == ["application/json", None]
    assert all((image["src"] or "").startswith("data:image/") for image in page.all("img"))
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    typed = HOSTILE.replace("\u202e", " ").strip()
    shown = re.sub(r"\s+", " ", typed)
    assert page.text("h1") == [shown] and page.text("title") == [shown] and shown in page.text("h2")
    assert shown in page.text("dt") and shown in page.text("dd")
    (words,) = page.text("pre")
    assert words.startswith("</pre><img src=x onerror=alert(1)>\ufffd\ufffd[31m")
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "\x00" not in text
    assert page_record(text) == {"pieces": [dict(about.record)] * 2}


def test_one_piece_is_a_page_with_its_files(tmp_path: Path) -> None:
    about = About("My song", {"seed": "3"}, {"recipe": "a", "seed": 3})
    RENDERERS[".html"].write(one_note(), tmp_path / "song.html", about)
    page = read(tmp_path / "song.html")
    assert page.text("h1") == ["My song"] and "My song" not in page.text("h2")
    links = {a["download"]: payload(a["href"]) for a in page.all("a") if "download" in a and "href" in a}
    assert set(links) == {"song.mid", "song.mxl"}
    assert links["song.mid"] == midi_bytes(one_note(), about)
    (tmp_path / "song.mxl").write_bytes(links["song.mxl"])
    assert [note.pitch for note in read_piece(tmp_path / "song.mxl").tracks[0].notes] == [60]
    (audio,) = page.all("audio")
    assert payload(audio["src"])[:2] == b"\xff\xfb" or payload(audio["src"])[:3] == b"ID3"
    roll, *sheets = page.all("img")
    assert png_record(payload(roll["src"])) == about.record
    assert len(sheets) == 1 and payload(sheets[0]["src"]).startswith(b"<svg")
    assert {a["download"]: a["data-from"] for a in page.all("a") if "data-from" in a} == {
        "song.mp3": "audio",
        "song.png": ".paper img",
    }
    assert list(zip(page.text("dt"), page.text("dd"), strict=True)) == [("seed", "3")]
    assert page_record((tmp_path / "song.html").read_text("utf-8")) == about.record


def test_the_same_piece_is_the_same_page(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        RENDERERS[".html"].write(one_note(), tmp_path / name / "x.html", About("x", {"seed": "1"}, {"b": 1, "a": 2}))
    assert (tmp_path / "a" / "x.html").read_bytes() == (tmp_path / "b" / "x.html").read_bytes()


def test_a_text_is_a_page_too(tmp_path: Path) -> None:
    RENDERERS[".html"].write("Sing, Muse", tmp_path / "verse.html", About())
    page = read(tmp_path / "verse.html")
    assert page.text("h1") == ["verse"] and page.text("pre") == ["Sing, Muse"]
    assert [payload(a["href"]) for a in page.all("a") if "download" in a] == [b"Sing, Muse"]


def test_facts_that_all_share_are_said_once(tmp_path: Path) -> None:
    pieces = [(f"No. {n}", "words", About("x", {"seed": str(n), "licence": "free"})) for n in (1, 2)]
    write_page_of(tmp_path / "x.html", "Two", "", pieces, {"licence": "free"})
    page = read(tmp_path / "x.html")
    pairs = list(zip(page.text("dt"), page.text("dd"), strict=True))
    assert pairs == [("seed", "1"), ("seed", "2"), ("licence", "free")]


def test_the_playhead_knows_where_each_second_is(tmp_path: Path) -> None:
    score = one_note()
    score.tempos.append(Tempo(0, 60))  # one bar of four seconds
    RENDERERS[".html"].write(score, tmp_path / "x.html", About())
    (paper,) = [a for a in read(tmp_path / "x.html").all("div") if "data-rows" in a]
    ((top, height, points),) = json.loads(paper["data-rows"] or "")
    (row,) = picture(score).rows
    roll = picture(score)
    assert 0 < top < 100 and 0 < height < 100 - top
    assert points[0][0] == 0 and points[-1][0] == 4
    assert points[0][1] == pytest.approx(100 * row.points[0][1] / roll.width, abs=0.001)
    assert top == pytest.approx(100 * row.top / roll.height, abs=0.001)


def test_an_empty_piece_says_that_it_has_no_notes(tmp_path: Path) -> None:
    RENDERERS[".html"].write(Score(480), tmp_path / "x.html", About())
    page = read(tmp_path / "x.html")
    assert any("0 notes" in text for text in page.text("p")) and not page.all("audio")
    assert len(page.all("img")) == 1


def test_a_long_piece_says_what_is_left_out(tmp_path: Path) -> None:
    score = one_note()
    track = score.tracks[0]
    for bar in range(0, 200, 4):
        track.notes.append(Note(bar * 1920, 1920, 60, 64))  # 200 bars of 2 seconds
    (item,) = page_items([("Long", score, About())], Budget(seconds=30, pages=1))
    assert item.length == pytest.approx(30, abs=3) and len(item.score) == 1
    assert "The sound is that of the first 0:30 of 6:34; the MIDI file holds all of it." in item.said
    assert "The piano roll shows the first 4:16 of 6:34." in item.said
    assert any(sentence.startswith("In the score: only the first") for sentence in item.said)
    assert Score.from_midi(item.files["long.mid"]).note_num() == 51


def test_many_pieces_share_what_there_is(tmp_path: Path) -> None:
    assert shares([10, 100, 100], 150) == [10, 70, 70]
    assert shares([10, 20], 100) == [10, 20]
    assert shares([], 5) == []
    pieces = [(f"Words {n}", "words", About()) for n in range(5)]
    write_page_of(tmp_path / "x.html", "Five", "Hello.", pieces, {}, Budget(pieces=3))
    page = read(tmp_path / "x.html")
    assert page.text("h2") == ["Words 0", "Words 1", "Words 2"]
    assert "The first 3 of 5 pieces are shown; 2 are left out." in page.text("p")


def test_pages_that_one_piece_leaves_go_to_the_next() -> None:
    long = one_note()
    for onset in range(0, 100 * 1920, 240):
        long.tracks[0].notes.append(Note(onset, 240, 60 + onset // 240 % 12, 64))
    pieces = [("Short", one_note(), About()), ("Long", long, About())]
    short, longer = page_items(pieces, Budget(seconds=0, pages=4))
    assert len(short.score) == 1 and len(longer.score) == 3  # not 2
    assert short.sound is None and "Its sound is left out here; the MIDI file holds all of it." in longer.said
    (alone,) = page_items(pieces[:1], Budget(seconds=0, pages=0))
    assert not alone.score and set(alone.files) == {"short.mid"}


def test_names_of_files_come_from_names_of_pieces() -> None:
    assert slug("Chorale 1") == "chorale-1"
    assert slug("../../etc/passwd\x00") == "etc-passwd"
    assert slug("мир") == "piece"


def test_what_is_no_record_is_none() -> None:
    holder = '<script type="application/json" id="erato-record">{}</script>'
    assert page_record("<p>nothing</p>") is None
    for text in ("{", "[1]", "[" * 100_000, "1"):
        assert page_record(holder.replace("{}", text)) is None


def test_a_fragment_stands_in_the_page_of_somebody_else() -> None:
    text = fragment_of([(HOSTILE, one_note(HOSTILE), About(HOSTILE, {HOSTILE: HOSTILE}))])
    page = Reader(text)
    assert not page.all("meta") and not any("id" in attributes for _, attributes in page.tags)
    assert len(page.all("audio")) == 1 and len(page.all("img")) == 1 and len(page.all("script")) == 1
    rules = re.sub(r"/\*.*?\*/", "", "".join(page.text("style")), flags=re.DOTALL)
    selectors = re.findall(r"(?:^|[{}])\s*([^{}@;]+)\{", rules)
    assert len(selectors) > 40
    assert all(".erato" in part for selector in selectors for part in re.sub(r"\([^)]*\)", "", selector).split(","))
    assert len(text) < 1_000_000
