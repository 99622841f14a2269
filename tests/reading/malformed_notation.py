# ruff: noqa: E501 (a line a defect)
"""Files of notation, text and arrays with a defect each, and a mutator that makes as many more as are wanted.

Everything is a function of a seed. What is read from these, nobody knows; that reading ends well, the tests check.
"""

import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
PARTS = (
    '<part-list><score-part id="P1"><part-name>Flute</part-name><score-instrument id="I1"><instrument-name>Flute'
    '</instrument-name></score-instrument><midi-instrument id="I1"><midi-channel>1</midi-channel><midi-program>74'
    '</midi-program></midi-instrument></score-part><score-part id="P2"><part-name>Piano</part-name></score-part></part-list>'
)


def note(step: str = "C", octave: object = 4, duration: object = 2, more: str = "", alter: str = "") -> str:
    alter = alter and f"<alter>{alter}</alter>"
    pitch = f"<pitch><step>{step}</step>{alter}<octave>{octave}</octave></pitch>"
    return f"<note>{pitch}<duration>{duration}</duration>{more}</note>"


FIRST = (
    "<attributes><divisions>2</divisions><key><fifths>1</fifths><mode>major</mode></key>"
    "<time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
)
TRANSPOSE = "<attributes><transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose></attributes>"


def score(*bars: str, parts: str = PARTS, second: str = note("E", 3, 8), head: str = HEAD + DOCTYPE) -> str:
    """A score of two parts; the bars are those of the first."""
    measures = "".join(f'<measure number="{index}">{bar}</measure>' for index, bar in enumerate(bars, 1))
    others = "".join(
        f'<measure number="{index}">{FIRST if index == 1 else ""}{second}</measure>'
        for index in range(1, len(bars) + 1)
    )
    return f'{head}<score-partwise version="4.0">{parts}<part id="P1">{measures}</part><part id="P2">{others}</part></score-partwise>'


TEMPO = (
    "<direction><direction-type><metronome><beat-unit>quarter</beat-unit><per-minute>96</per-minute></metronome>"
    '</direction-type><sound tempo="96"/></direction><direction><direction-type><dynamics><f/></dynamics></direction-type>'
    "<offset>1</offset></direction>"
)
CHORD = (
    "<harmony><root><root-step>A</root-step><root-alter>-1</root-alter></root><kind>minor-seventh</kind><degree>"
    "<degree-value>9</degree-value><degree-alter>0</degree-alter><degree-type>add</degree-type></degree></harmony>"
)
TRIPLET = "<type>eighth</type><time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"
LYRIC = '<lyric number="1"><syllabic>begin</syllabic><text>Glo</text></lyric>'
BACK = '<barline location="right"><repeat direction="backward" times="2"/></barline>'
FORWARD = '<barline location="left"><repeat direction="forward"/></barline>'


@cache
def rich(transposed: bool = False) -> str:
    """A score with something of everything."""
    bars = [
        FIRST
        + TRANSPOSE * transposed
        + TEMPO
        + CHORD
        + note(more='<tie type="start"/>' + LYRIC)
        + note("D", 5, 2, '<tie type="stop"/>')
        + note("F", 4, 2, alter="1")
        + note("A", 4, 2, "<voice>1</voice>").replace("<note>", "<note><chord/>")
        + note("B", 4, 2),
        FORWARD
        + note("G", 4, 4)
        + "<note><rest/><duration>4</duration></note><backup><duration>8</duration></backup>"
        + note("G", 3, 8, "<voice>2</voice>")
        + BACK,
        "<attributes><time><beats>3</beats><beat-type>8</beat-type></time></attributes>"
        + "<note><grace/><pitch><step>D</step><octave>4</octave></pitch></note>"
        + note("C", 5, 1, TRIPLET) * 3
        + "<forward><duration>1</duration></forward>",
    ]
    return score(*bars)


ABC = """X:1
T:A Tune
M:6/8
L:1/8
Q:3/8=100
V:1
K:Dm
|: "Dm"A2B (3cde | ~f>g {ab}a2 z2 | [1 [DFA]6- :|[2 [DFA]3 Z |]
w: la la la

X:2
T:Another
M:C|
L:1/4
K:G
GABc | d4 |]
"""
KERN = """!!!OTL: A Song
**kern\t**kern
*Ibass\t*Isoprn
*M3/4\t*M3/4
*MM100\t*MM100
4F\t4a
=1\t=1
*\t*^
2F\t[8a\t4cc
.\t8a]\t.
4BB-\t4f#;\t4r
*\t*v\t*v
==\t==
*-\t*-
"""
JSON = json.dumps({"train": [[[60, 64, 67, 72], [-1, 60, 64, 67]]] * 2, "valid": [[[60], [], [62, 64]]]})


def mxl(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path), data, method)
    return file.getvalue()


def container(*paths: str) -> bytes:
    return (
        "<container><rootfiles>"
        + "".join(f'<rootfile full-path="{path}"/>' for path in paths)
        + "</rootfiles></container>"
    ).encode()


@cache
def npz() -> bytes:
    rows = np.empty(2, object)
    rows[:] = [np.full((3, 4), 60.0), np.full((2, 4), 62, np.int8)]
    file = io.BytesIO()
    np.savez_compressed(file, train=rows, valid=np.full((2, 3, 4), 64))
    return file.getvalue()


# One defect each

HUGE, TINY = "9" * 30, "1e-400"
ODD = [
    "0",
    "-1",
    "-0",
    HUGE,
    "-" + HUGE,
    "1e308",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "",
    " ",
    "x",
    "1/0",
    "½",
    "٣",
    "0x10",
    "1_0",
    "\u202e4",
    "4" * 5000,
]


def _xml_defects() -> dict[str, str | bytes]:
    plain = score(FIRST + note() * 4, note("D") * 4)
    found: dict[str, str | bytes] = {"plain": plain, "rich": rich()}
    for tag in (
        "divisions",
        "fifths",
        "beats",
        "beat-type",
        "diatonic",
        "chromatic",
        "duration",
        "octave",
        "alter",
        "step",
        "actual-notes",
        "normal-notes",
        "root-alter",
        "degree-value",
        "degree-alter",
        "per-minute",
        "beat-unit",
        "midi-program",
        "midi-channel",
        "type",
        "kind",
        "offset",
        "voice",
        "text",
        "syllabic",
    ):
        for index, value in enumerate(ODD):
            found[f"{tag} {index}"] = re.sub(
                f"<{tag}>[^<]*<", lambda _, t=tag, v=value: f"<{t}>{v}<", rich(tag in ("diatonic", "chromatic"))
            )
    for attribute in ("tempo", "times", "number", "location", "id", "direction"):
        for index, value in enumerate(ODD):
            found[f"@{attribute} {index}"] = re.sub(
                f'{attribute}="[^"]*"', lambda _, a=attribute, v=value: f'{a}="{v}"', rich()
            )
    extras = {
        "staves": "<attributes><staves>1000000000</staves></attributes>",
        "staff lines": "<attributes><staff-details><staff-lines>1000000000</staff-lines></staff-details></attributes>",
        "multiple rest": "<attributes><measure-style><multiple-rest>999999999</multiple-rest></measure-style></attributes>",
        "measure repeat": '<attributes><measure-style><measure-repeat type="start">1000000</measure-repeat></measure-style></attributes>',
        "senza misura": "<attributes><time><senza-misura/></time></attributes>",
        "3+2/8": "<attributes><time><beats>3+2</beats><beat-type>8</beat-type></time></attributes>",
        "long beats": f"<attributes><time><beats>{'1+' * 5000}1</beats><beat-type>8</beat-type></time></attributes>",
        "backup": f"<backup><duration>{10**9}</duration></backup>{note('E')}",
        "forward": f"<forward><duration>{10**9}</duration></forward>{note('E')}",
        "lyric": note(more=f"<lyric><text>{'la' * 500_000}</text></lyric>"),
        "lyrics": note(more="".join(f'<lyric number="{index}"><text>la</text></lyric>' for index in range(3000))),
        "words": f"<direction><direction-type><words>{'D.C. al Fine ' * 5000}</words></direction-type></direction>",
        "link": '<link xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="http://127.0.0.1:9/x"/><image source="/etc/passwd"/>',
        "endings": '<barline location="left"><ending number="1-99999999" type="start"/></barline>' + BACK,
        "endings in endings": '<barline><ending number="1" type="start"/></barline>' * 50 + BACK,
        "D.S. in a circle": "<direction><direction-type><segno/></direction-type></direction><direction><direction-type>"
        "<words>D.S. al Coda</words></direction-type></direction><direction><direction-type><words>D.C. al Fine</words>"
        "</direction-type></direction>",
        "dots": note(more="<type>quarter</type>" + "<dot/>" * 3000),
        "chord of a thousand": note() + note("E").replace("<note>", "<note><chord/>") * 1000,
        "voices": "".join(note(more=f"<voice>{index}</voice>") for index in range(500)),
        "grace": "<note><grace/><pitch><step>C</step><octave>4</octave></pitch></note>" * 2000,
        "ottava": '<direction><direction-type><octave-shift type="up" size="99999"/></direction-type></direction>',
        "deep": "<note>" * 5000,
        "deep junk": "<print>" * 50_000,
        "attributes": "<print " + " ".join(f'a{index}="x"' for index in range(20_000)) + "/>",
        "no duration": note(duration="").replace("<duration></duration>", "<type>half</type>"),
        "chord first": note("E").replace("<note>", "<note><chord/>"),
        "unpitched": "<note><unpitched/><duration>2</duration><instrument id='nowhere'/></note>",
    }
    for name, inside in extras.items():
        found[name] = score(FIRST + inside + note() * 4, note("D") * 4)
    found |= {
        "repeats in repeats": score(*[FIRST + FORWARD + note("C", 4, 8)] * 30, *[note("C", 4, 8) + BACK] * 30),
        "part list flood": score(
            FIRST + note(), parts="<part-list>" + '<score-part id="P1"/>' * 20_000 + "</part-list>"
        ),
        "part flood": score(FIRST + note()).replace(
            "</score-partwise>", f'<part id="P1"><measure>{note()}</measure></part>' * 150 + "</score-partwise>"
        ),
        "too many parts": score(FIRST + note()).replace(
            "</score-partwise>", '<part id="P1"><measure/></part>' * 2000 + "</score-partwise>"
        ),
        "no part list": plain.replace(PARTS, ""),
        "ids alike": plain.replace('"P2"', '"P1"'),
        "bare ampersand": plain.replace("Flute", "Tom & Jerry &nbsp; &#0; &#xD800; &#99999999;"),
        "control characters": plain.replace("Flute", "Fl\x01u\x00te\x7f\ufffe"),
        "entities": plain.replace(DOCTYPE, '<!DOCTYPE x [<!ENTITY a "ha">]>').replace("Flute", "&a;"),
        "laughs": plain.replace(DOCTYPE, '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>').replace(
            "Flute", "&b;"
        ),
        "external entity": plain.replace(DOCTYPE, '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>').replace(
            "Flute", "&a;"
        ),
        "parameter entity": plain.replace(DOCTYPE, '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x"> %a;]>'),
        "doctype elsewhere": plain.replace("www.musicxml.org/dtds/partwise.dtd", "127.0.0.1:9/x.dtd"),
        "xinclude": plain.replace(
            "<part-list>", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/><part-list>'
        ),
        "schema": plain.replace(
            "<score-partwise ",
            '<score-partwise xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:schemaLocation="a http://127.0.0.1:9/" ',
        ),
        "instruction": plain.replace(
            "<score-partwise", '<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?><score-partwise'
        ),
        "namespace": plain.replace("<score-partwise ", '<score-partwise xmlns="http://www.musicxml.org/ns" '),
        "cdata": plain.replace("Flute", "<![CDATA[Fl<&>ute]]>"),
        "comment": plain.replace("Flute", "<!-- Fl -- ute -->"),
        "opus": '<opus xmlns:xlink="http://www.w3.org/1999/xlink"><opus-link xlink:href="/etc/passwd"/></opus>',
        "unclosed": plain.replace("</measure>", "", 1),
        "closed twice": plain.replace("</note>", "</note></note>", 1),
        "half": plain[: len(plain) // 2],
        "no end": plain[:-3],
        "utf-16": plain.replace("UTF-8", "UTF-16").encode("utf-16"),
        "utf-16 without a mark": plain.replace("UTF-8", "UTF-16").encode("utf-16-le"),
        "utf-16 that says utf-8": plain.encode("utf-16"),
        "utf-32": plain.encode("utf-32"),
        "latin-1": plain.replace("UTF-8", "ISO-8859-1").replace("Flute", "Flöte").encode("latin-1"),
        "latin-1 that says utf-8": plain.replace("Flute", "Flöte").encode("latin-1"),
        "utf-8 that says utf-16": plain.replace("UTF-8", "UTF-16").encode(),
        "an encoding of nobody": plain.replace("UTF-8", "EBCDIC-XX"),
        "punycode": plain.replace("UTF-8", "punycode"),
        "mark": b"\xef\xbb\xbf" + plain.encode(),
        "space before": "\n \n" + plain,
        "junk after": plain + "\0\0junk<<<",
        "html": "<!DOCTYPE html><html><body><p>not here</body></html>",
        "only a tag": "<score-partwise>",
        "tags flood": "<score-partwise>" + "<a>" * 200_000,
        "text flood": f"<score-partwise><part-list>{'x' * 1_000_000}</part-list></score-partwise>",
        "notes flood": score(FIRST + note(duration=1) * 1500),
        "bars flood": score(*[FIRST] + [""] * 500),
        "timewise": f"<score-timewise>{PARTS}<measure><part id='P1'>{FIRST}{note()}</part></measure></score-timewise>",
    }
    return found


def _packed_defects() -> dict[str, bytes]:
    plain = score(FIRST + note() * 4).encode()
    good = mxl({"META-INF/container.xml": container("a.xml"), "a.xml": plain})
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(plain + b" " * 300_000_000) + bomb.flush()
    header = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), 10, 5, 0) + b"a.xml"
    encrypted = bytearray(good)
    encrypted[6] |= 1
    return {
        "packed": good,
        "bomb": header + packed,
        "sizes that lie": good.replace(struct.pack("<I", len(plain)), struct.pack("<I", 2**31)),
        "encrypted": bytes(encrypted),
        "bzip2": mxl({"a.xml": plain}, zipfile.ZIP_BZIP2),
        "names that lead out": mxl(
            {"META-INF/container.xml": container("../../etc/passwd", "/etc/passwd"), "../../a.xml": plain}
        ),
        "container names itself": mxl({"META-INF/container.xml": container("META-INF/container.xml"), "a.xml": plain}),
        "container names nothing": mxl({"META-INF/container.xml": b"", "a.xml": plain}),
        "two scores": mxl({"META-INF/container.xml": container("b.xml", "a.xml"), "a.xml": plain, "b.xml": plain}),
        "no table": good[: good.index(b"PK\1\2")],
        "half": good[: len(good) * 2 // 3],
        "nested": mxl({"a.xml": good}),
        "many": mxl({f"{index}.png": b"" for index in range(1200)} | {"a.xml": plain}),
        "stored": mxl({"a.xml": plain}, zipfile.ZIP_STORED),
        "bad sum": good.replace(struct.pack("<I", zlib.crc32(plain)), b"\1\2\3\4"),
    }


def _abc_defects() -> dict[str, str]:
    tune = "X:1\nM:4/4\nL:1/4\nK:C\n{}|\n"
    bodies = {
        "repeats": "|:" * 3000 + "C4",
        "endings": "|: C4 |[1,2,3-99999999 D4 :|",
        "long note": "C99999999999 D",
        "short note": "C/99999999999 D",
        "nothing": "C/0 D0",
        "slashes": "C" + "/" * 3000,
        "long rest": "Z99999999|C4",
        "tuplets": "(9" * 3000 + "C",
        "tuplet of nothing": "(0:0:0CDE(3:0:0FGA",
        "graces": "{" * 3000 + "C",
        "chords": "[" * 3000 + "C",
        "broken": "C" + ">" * 500 + "D",
        "low": "C" + "," * 3000 + "D",
        "sharp": "^" * 3000 + "C",
        "words": '"' * 999 + "C",
        "decorations": "!" * 999 + "C",
        "fields": "[M:0/0][L:1/0][K:zz][Q:0]C4",
        "notes": "C D E F | " * 500,
        "include": "C4\nI:abc-include /etc/passwd",
        "ties": "C-" * 2000,
        "line": "C" * 500_000,
    }
    fields = {
        "L": ["1/0", "0/4", "1/3", "x", "1/99999999999", "", "-1/4"],
        "M": ["0/0", "4/0", "0/4", "9999999999/4", "4/5", "x", "", "(2+3)/8", "C|"],
        "Q": ["0", "1/4=0", "1e308", "1/4=99999999999", "x", "-5", "1/0=100", '"fast"', "120"],
        "K": ["nonsense", "", "H", "C" * 5000, "Q#", "Bbmin", "none", "^f"],
        "V": ["1", "9" * 999],
        "m": ["~G2 = {A}G{F}G"],
        "U": ["T = !trill!"],
        "w": ["la-" * 5000],
        "X": ["9" * 5000],
        "P": ["(AB)99999999"],
    }
    found = {f"body: {name}": tune.format(body) for name, body in bodies.items()}
    for letter, values in fields.items():
        for index, value in enumerate(values):
            found[f"{letter} {index}"] = f"X:1\nM:4/4\nL:1/4\nK:C\n{letter}:{value}\nCDEF|\n"
            found[f"{letter} {index} in the head"] = f"X:1\n{letter}:{value}\nL:1/4\nK:C\nCDEF|\n"
    return found | {
        "plain": ABC,
        "voices": "X:1\nK:C\n" + "".join(f"V:{index}\nC4|\n" for index in range(300)),
        "tunes": "X:1\nK:C\nC|\n\n" * 100,
        "too many tunes": "X:1\nK:C\nC|\n\n" * 30_000,
        "no head": "K:C\nCDEF|",
        "half": ABC[: len(ABC) // 3],
    }


def _kern_defects() -> dict[str, str]:
    def spine(body: str) -> str:
        return f"**kern\n{body}\n4c\n==\n*-\n"

    splits, width = ["**kern"], 1
    for _ in range(12):
        splits.append("\t".join(["*^"] * width))
        width *= 2
    return {
        "plain": KERN,
        "splits": "\n".join([*splits, "\t".join(["4c"] * width)]),
        "no end": KERN.replace("*-\t*-\n", ""),
        "half": KERN[: len(KERN) // 2],
        "wide": "\t".join(["**kern"] * 5000) + "\n" + "\t".join(["4c"] * 5000),
        "exchange": spine("*x9999999"),
        "exchange of one": spine("*x"),
        "join of one": spine("*v"),
        "columns": spine("4c\t4d\t4e"),
        "long": spine("99999999999c"),
        "short": spine("0000000c"),
        "dots": spine("4c" + "." * 2000),
        "high": spine("4" + "c" * 2000),
        "low": spine("4" + "C" * 2000),
        "sharp": spine("4c" + "#" * 2000),
        "meter": spine("*M0/4\n*M4/0\n*M99999999/4\n*Mx/y"),
        "tempo": spine("*MM0\n*MM1e308\n*MM99999999999"),
        "key": spine("*k[" + "f#" * 2000 + "]"),
        "repeat": spine("*>[A,A,B" + ",A" * 5000 + "]\n*>A"),
        "references": "!!!include: /etc/passwd\n!!!!SEGMENT: /etc/passwd\n" + KERN,
        "segments": ("!!!!SEGMENT: a\n" + KERN) * 50,
        "ends at once": "**kern\n*-\n4c\n",
        "adds": spine("*+\n4c\t4d\n*-\t*"),
        "tied": spine("[4c\n" * 500),
        "line": spine("4c " * 100_000),
        "rational": spine("3%0c\n0%3c\n3%2c"),
        "graces": spine("qc\n" * 500),
    }


def _array_defects() -> dict[str, bytes]:
    return {
        "plain.json": JSON.encode(),
        "deep.json": b'{"train":' + b"[" * 100_000,
        "lists.json": b'{"train": [' + b"[]," * 200_000 + b"[]]}",
        "digits.json": b'{"train": [[[' + b"9" * 1_000_000 + b"]]]}",
        "nan.json": b'{"train": [[[NaN, Infinity]]]}',
        "huge.json": b'{"train": [[[1e308, 60]]]}',
        "half.json": JSON.encode()[:-9],
        "utf-16.json": JSON.encode("utf-16"),
        "names.json": b'{"train": [[["\\ud800"]]]}',
        "true.json": b'{"train": true, "valid": [[[60]]]}',
        "plain.npz": npz(),
        "half.npz": npz()[:-200],
        "junk.npz": b"PK\3\4" + b"\xff" * 200,
        "shape.npz": mxl(
            {
                "train.npy": b"\x93NUMPY\1\0\x76\0"
                + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4)}".ljust(117)
                + b"\n"
            }
        ),
        "objects.npz": mxl(
            {
                "train.npy": b"\x93NUMPY\1\0\x76\0"
                + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}".ljust(117)
                + b"\n"
                + b"\x80\2cos\nsystem\nU\2lsR."
            }
        ),
        "bomb.npz": mxl({"train.npy": bytes(60_000_000)}),
        "empty.mat": b"MATLAB 5.0".ljust(128),
        "junk.mat": b"MATLAB 5.0".ljust(124) + b"\0\1IM" + b"\x0f\0\0\0\xff\xff\xff\xff" + b"\x55" * 500,
        "plain.txt": b"Some words.\n",
        "nul.txt": b"a\0b",
        "utf-16.txt": "words".encode("utf-16"),
        "latin.txt": b"caf\xe9",
        "surrogate.txt": b"a\xed\xa0\x80",
        "line.txt": b"x" * 2_000_000,
    }


@cache
def defects() -> dict[str, tuple[str, bytes]]:
    """Every named defect: the file's name, which decides how it is read, and its bytes."""
    found: dict[str, tuple[str, bytes]] = {}
    groups: list[tuple[str, dict[str, str | bytes]]] = [
        ("musicxml", _xml_defects()),
        ("mxl", dict(_packed_defects())),
        ("abc", dict(_abc_defects())),
        ("krn", dict(_kern_defects())),
    ]
    for suffix, group in groups:
        for name, data in group.items():
            found[f"{suffix}: {name}"] = (
                f"a.{suffix}",
                data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"),
            )
    return found | {f"arrays: {name}": (name, data) for name, data in _array_defects().items()}


# Mutants

EXTREME = [
    b"0",
    b"-1",
    b"99999999999",
    b"1e308",
    b"",
    b"nan",
    b"4294967296",
    b"0.0000001",
    b"255",
    b"127",
    b"1000000",
    b"-0.5",
]


@cache
def _bases() -> dict[str, list[bytes]]:
    plain = score(FIRST + note() * 4, note("D") * 4)
    return {
        "a.musicxml": [*[plain.encode()] * 12, *[rich().encode()] * 3, rich(transposed=True).encode()],
        "a.mxl": [mxl({"META-INF/container.xml": container("a.xml"), "a.xml": plain.encode()})],
        "a.abc": [ABC.encode()],
        "a.krn": [KERN.encode()],
        "a.json": [JSON.encode()],
        "a.npz": [npz()],
    }


def mutant(seed: int, name: str = "a.musicxml") -> bytes:
    """The mutant of this number, of a file of this kind: one to four changes."""
    rng = random.Random(f"{name} {seed}")
    data = rng.choice(_bases()[name])
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data = rng.choice(CHANGES)(data, rng) or data
    return data


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 3, 20])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _replace_number(data: bytes, rng: random.Random) -> bytes:
    numbers = list(re.finditer(rb"\d+", data))
    if not numbers:
        return data
    found = rng.choice(numbers)
    return data[: found.start()] + rng.choice(EXTREME) + data[found.end() :]


def _pieces(data: bytes) -> list[bytes]:
    return re.findall(rb"<[^>]*>|[^<]+", data) if data.lstrip()[:1] == b"<" else re.findall(rb"\s+|\S+", data)


def _swap(data: bytes, rng: random.Random) -> bytes:
    parts = _pieces(data)
    if len(parts) < 2:
        return data
    first, second = rng.randrange(len(parts)), rng.randrange(len(parts))
    parts[first], parts[second] = parts[second], parts[first]
    return b"".join(parts)


def _repeat(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    stop = min(len(data), start + rng.choice([1, 10, 100, 1000]))
    return data[:stop] + data[start:stop] * rng.choice([1, 2, 30]) + data[stop:]


def _delete(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice([1, 4, 50, 400]) :]


def _element(data: bytes, rng: random.Random) -> bytes:
    """An element, with all in it, away or again."""
    tags = re.findall(rb"<([a-z-]+)[ >]", data)
    if not tags:
        return _delete(data, rng)
    tag = rng.choice(tags)
    found = list(re.finditer(rb"<%s[ >].*?</%s>" % (tag, tag), data, re.DOTALL))
    if not found:
        return data
    chosen = rng.choice(found)
    return data[: chosen.start()] + chosen.group() * rng.choice([0, 2, 20]) + data[chosen.end() :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    junk = [
        b"\0",
        b"\xff\xfe",
        b"<",
        b"&",
        b"]]>",
        b"<!--",
        b"&#x0;",
        bytes(rng.randrange(256) for _ in range(8)),
        b"\n",
        b"\t",
        b"/",
        b"|:",
    ]
    return data[:at] + rng.choice(junk) + data[at:]


CHANGES: list[Callable[[bytes, random.Random], bytes]] = [
    _cut,
    _flip,
    _replace_number,
    _replace_number,
    _swap,
    _repeat,
    _delete,
    _element,
    _element,
    _insert,
]
