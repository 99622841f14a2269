"""Bytes of XML, broken or not, to a small tree: only the elements and attributes that are asked for, within bounds.

Nothing is expanded or fetched: entities are refused, and what stands in a DOCTYPE is never looked up. What is not well
formed is read as far as its tags make sense, and counted. Knows nothing of music.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any, Protocol
from xml.etree.ElementTree import Element, ParseError

from erato.errors import ReadError
from erato.reading.base import looks_like

CHUNK = 1 << 20  # characters
MOST_TEXT = 1000  # characters of an element that are kept
MOST_ATTRIBUTE = 200
MOST_ELEMENTS = 20_000_000  # wanted ones
DEEPEST = 60  # wanted elements within one another

_DECLARED = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_PLAIN_CODEC = re.compile(
    r"(utf-8|ascii|iso8859-\d+|cp125\d|cp437|cp850|mac-roman|koi8-[ru]|gbk|gb2312|gb18030|big5|shift_jis|euc_.{2})$"
)
_MARKS = (  # first bytes -> encoding
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_NUMBERED = re.compile(r"&#(x[0-9a-fA-F]{1,6}|\d{1,7});")
_TAIL = re.compile(r"&[#\w]{0,9}$")


class Target(Protocol):
    """What is told of tags and text; that of ElementTree's parsers."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None: ...
    def end(self, tag: str) -> None: ...
    def data(self, text: str) -> None: ...


class Tree:
    """Builds the wanted part of a document; everything else is passed over with all that is in it."""

    def __init__(self, wanted: frozenset[str], attributes: frozenset[str], name: str) -> None:
        self.root: Element | None = None
        self.first = ""  # the tag of the whole document
        self.open: list[Element] = []
        self._wanted, self._attributes, self._name = wanted, attributes, name
        self._passing, self._elements, self._text = 0, 0, 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        tag = tag.rpartition("}")[2]
        self.first = self.first or tag
        if self._passing or tag not in self._wanted:
            self._passing += 1
            return
        self._elements += 1
        if self._elements > MOST_ELEMENTS or len(self.open) >= DEEPEST:
            raise ReadError("too-large", f"{self._name} is too large or too deeply nested to be read.")
        kept = {key: attributes[key][:MOST_ATTRIBUTE] for key in self._attributes & attributes.keys()}
        element = Element(tag, kept)
        if self.open:
            self.open[-1].append(element)
        elif self.root is None:
            self.root = element
        self.open.append(element)
        self._text = 0

    def end(self, tag: str) -> None:
        if self._passing:
            self._passing -= 1
        elif self.open:
            self.open.pop()

    def data(self, text: str) -> None:
        if self._passing or not self.open or self._text > MOST_TEXT:
            return
        element = self.open[-1]
        if not len(element):
            self._text += len(text)
            element.text = ((element.text or "") + text)[:MOST_TEXT]

    def close(self) -> None:
        """Nothing more comes."""


def parse(data: bytes, wanted: frozenset[str], attributes: frozenset[str], name: str, lost: Counter[str]) -> Tree:
    """The wanted tree of a document; `open` names what was never closed. ReadError: entities, or no XML at all."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    encoding = _encoding(data, lost)
    tree = Tree(wanted, attributes, name)
    try:
        parser = DefusedXMLParser(target=tree, encoding="utf-8", forbid_entities=True, forbid_external=True)
        forbidden = Counter[str]()
        for text in _chunks(data, encoding, forbidden):
            parser.feed(text.encode())
        parser.close()
    except DefusedXmlException:
        raise ReadError("unsafe", f"{name} defines entities, which a score never needs.") from None
    except (ParseError, ValueError, AssertionError):
        tree = Tree(wanted, attributes, name)
        forbidden = Counter[str]()
        text = "".join(_chunks(data, encoding, forbidden))
        if not re.search(r"<[A-Za-z]", text):
            raise ReadError("not-music", f"{name} is {looks_like(data)}, not MusicXML.") from None
        if "<!ENTITY" in text:
            raise ReadError("unsafe", f"{name} defines entities, which a score never needs.") from None
        _lenient(text, tree, lost)
    lost.update(forbidden)
    return tree


def _encoding(data: bytes, lost: Counter[str]) -> str:
    """An encoding in which all of the bytes make sense: what they begin with or declare, else UTF-8, else Latin-1."""
    tried = []
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    if marked:
        tried.append(marked)
    elif declared := _DECLARED.search(data[:300]):
        try:
            codec = codecs.lookup(declared.group(1).decode()).name
        except LookupError:
            codec = ""
        if _PLAIN_CODEC.match(codec):
            tried.append(codec)
    for encoding in dict.fromkeys([*tried, "utf-8"]):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for at in range(0, len(data), CHUNK):
                decoder.decode(data[at : at + CHUNK])
        except UnicodeError:
            lost["bytes that are not of the encoding that it names"] = 1
            continue
        return encoding
    return marked or "latin-1"


def _chunks(data: bytes, encoding: str, forbidden: Counter[str]) -> Iterator[str]:
    """The text in pieces, without the characters that XML forbids, every ampersand one that XML allows."""

    def numbered(found: re.Match[str]) -> str:
        digits = found.group(1)
        code = int(digits[1:], 16) if digits.startswith("x") else int(digits)
        if code in (9, 10, 13) or (
            32 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF and code not in (0xFFFE, 0xFFFF)
        ):
            return found.group()
        forbidden["characters that XML forbids"] += 1
        return ""

    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest = ""
    for at in range(0, len(data), CHUNK):
        last = at + CHUNK >= len(data)
        text, count = _FORBIDDEN.subn("", rest + decoder.decode(data[at : at + CHUNK], last))
        rest = ""
        if not last and (tail := _TAIL.search(text, max(0, len(text) - 12))):
            text, rest = text[: tail.start()], tail.group()
        if "&" in text and "<![CDATA[" not in text:
            text, bare = _BARE.subn("&amp;", text)
            count += bare
            text = _NUMBERED.sub(numbered, text)
        if count:
            forbidden["characters that XML forbids"] += count
        yield text


# What is not well formed

_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|<!\[CDATA\[(?P<raw>.*?)(?:\]\]>|\Z)|<!DOCTYPE[^>\[]*(?:\[[^\]]*\])?[^>]*(?:>|\Z)"
    r"|<(?P<end>/?)(?P<tag>[A-Za-z_][\w.:-]{0,60})(?P<attributes>(?:\s[^<>]*)?)>|(?P<text>[^<]+)|<",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([\w.:-]{1,40})\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def _lenient(text: str, tree: Any, lost: Counter[str]) -> None:
    """Tells `tree` of the tags: an end closes what is open within it, and one that closes nothing is passed over."""
    opened: list[str] = []
    within = Counter[str]()
    stray = 0
    stop = 0
    for token in _TOKEN.finditer(text):
        stop = token.end()
        tag = token["tag"]
        if tag:
            tag = tag.rpartition(":")[2]
            if token["end"]:
                if not within[tag]:
                    stray += 1
                    continue
                while True:
                    name = opened.pop()
                    within[name] -= 1
                    tree.end(name)
                    if name == tag:
                        break
                    stray += 1
                continue
            told = token["attributes"]
            found = (
                {key: unescape(double or single) for key, double, single in _ATTRIBUTE.findall(told)} if told else {}
            )
            tree.start(tag, found)
            if told.endswith("/"):
                tree.end(tag)
            else:
                opened.append(tag)
                within[tag] += 1
        elif token["text"] is not None:
            tree.data(unescape(token["text"]))
        elif token["raw"] is not None:
            tree.data(token["raw"])
        elif token.group() == "<":
            stray += 1
    if opened or stop < len(text):
        lost["tags that are never closed"] = len(opened)
    if stray:
        lost["tags that make no sense"] += stray
