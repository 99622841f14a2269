"""The page: everything is on it, as text, and nothing is asked of anyone."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

from symusic import Note, Score, Track

from erato.renderers import RENDERERS, About, PageItem, write_page
from erato.renderers.midi import midi_bytes
from erato.renderers.pianoroll import piano_roll

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
    picture, midi = piano_roll(score), midi_bytes(score)
    items = [
        PageItem("First", score, {"seed": "1"}, picture, {"001.mid": midi, "001.png": picture}),
        PageItem("Second", "Two  lines\n  of verse", {"seed": "2"}, None, {"002.txt": b"Two"}),
    ]
    write_page(tmp_path / "x.html", "Pieces", "How it went.\n\nAnd then.", items, {"recipe": "char-lstm"})
    page = read(tmp_path / "x.html")
    assert page.text("h1") == ["Pieces"] and page.text("title") == ["Pieces"]
    assert page.text("h2") == ["First", "Second", "How this was made"]
    assert page.text("pre") == ["Two  lines\n  of verse"]
    assert {"How it went.", "And then."} <= set(page.text("p"))
    assert any("1 bar, 1 note" in text and "Flöte (Flute)" in text for text in page.text("p"))
    pairs = list(zip(page.text("dt"), page.text("dd"), strict=True))
    assert pairs == [("seed", "1"), ("seed", "2"), ("recipe", "char-lstm")]
    links = {a["download"]: payload(a["href"]) for a in page.all("a") if "download" in a}
    assert links == {"001.mid": midi, "001.png": picture, "002.txt": b"Two"}
    (image,) = page.all("img")
    assert payload(image["src"]) == picture and "Piano roll of First: 1 bar, 1 note" in (image["alt"] or "")
    named = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    targets = {(a["href"] or "")[1:] for a in page.all("a") if (a["href"] or "").startswith("#")}
    assert targets == {"piece-1", "piece-2"} and targets <= named
    assert page.all("html")[0]["lang"] == "en"


def test_the_page_asks_nothing_of_anyone(tmp_path: Path) -> None:
    RENDERERS[".html"].write(one_note(), tmp_path / "x.html", About("Title", {"source": "https://example.org/x"}))
    page = read(tmp_path / "x.html")
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert not page.all("script") and not page.all("link")
    style = "".join(page.text("style"))
    assert "url(" not in style and "@import" not in style
    policy = [m["content"] or "" for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert len(policy) == 1 and policy[0].startswith("default-src 'none'") and "http" not in policy[0]
    assert "https://example.org/x" in page.text("dd")


def test_whatever_was_typed_comes_out_as_text(tmp_path: Path) -> None:
    items = [
        PageItem(HOSTILE, one_note(HOSTILE), {HOSTILE: HOSTILE}, piano_roll(one_note()), {HOSTILE: b"x"}),
        PageItem("</pre>", f"</pre><img src=x onerror=alert(1)>\x00\x1b[31m{HOSTILE}"),
    ]
    write_page(tmp_path / "x.html", HOSTILE, HOSTILE, items, {HOSTILE: HOSTILE})
    page = read(tmp_path / "x.html")
    assert not page.all("script") and len(page.all("img")) == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    typed = HOSTILE.replace("\u202e", " ").strip()
    shown = re.sub(r"\s+", " ", typed)
    assert page.text("h1") == [shown] and page.text("title") == [shown] and shown in page.text("h2")
    assert shown in page.text("dt") and shown in page.text("dd")
    assert any(a.get("download") == shown for a in page.all("a"))
    (words,) = page.text("pre")
    assert words.startswith("</pre><img src=x onerror=alert(1)>\ufffd\ufffd[31m")
    assert "\x00" not in (tmp_path / "x.html").read_text(encoding="utf-8")


def test_one_piece_is_a_page_with_its_files(tmp_path: Path) -> None:
    RENDERERS[".html"].write(one_note(), tmp_path / "song.html", About("My song", {"seed": "3"}))
    page = read(tmp_path / "song.html")
    assert page.text("h1") == ["My song"] and "My song" not in page.text("h2")
    links = {a["download"]: payload(a["href"]) for a in page.all("a") if "download" in a}
    assert set(links) == {"song.mid", "song.png"}
    assert Score.from_midi(links["song.mid"]).note_num() == 1
    assert list(zip(page.text("dt"), page.text("dd"), strict=True)) == [("seed", "3")]


def test_a_text_is_a_page_too(tmp_path: Path) -> None:
    RENDERERS[".html"].write("Sing, Muse", tmp_path / "verse.html", About())
    page = read(tmp_path / "verse.html")
    assert page.text("h1") == ["verse"] and page.text("pre") == ["Sing, Muse"]
    assert [payload(a["href"]) for a in page.all("a") if "download" in a] == [b"Sing, Muse"]


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        RENDERERS[".html"].write(one_note(), tmp_path / name / "x.html", About("Title", {"seed": "3"}))
    assert (tmp_path / "a" / "x.html").read_bytes() == (tmp_path / "b" / "x.html").read_bytes()
