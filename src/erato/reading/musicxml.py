"""MusicXML, also packed, to a clean tree that music21 reads. Bytes in; knows nothing of music21 and of notes.

Only elements that music needs are kept, so links, pictures and layout never reach anybody. A score that breaks off, or
whose tags make no sense, gives what stands before or between.
"""

from collections import Counter
from xml.etree.ElementTree import Element

from erato.errors import ReadError
from erato.reading import zips
from erato.reading.base import Limits, looks_like
from erato.reading.musicxml_mending import ATTRIBUTES, TAGS, mended
from erato.reading.xml_text import Tree, parse

CONTAINER = "META-INF/container.xml"
SCORE, HEAD = b"<score-", 1 << 14  # how a score begins, and within how many bytes
OTHERS = (".png", ".jpg", ".jpeg", ".gif", ".pdf", ".mid")  # what else is packed with a score
BROKEN = "places where it breaks off"


def tree_of(data: bytes, name: str, limits: Limits, lost: Counter[str]) -> tuple[Element, int]:
    """A `score-partwise` that makes sense throughout, and the number of its notes; what was mended adds to `lost`."""
    if data.startswith(b"PK") or (name.lower().endswith(".mxl") and zips.HEADER in data):
        data = _unzip(data, name, limits, lost)
    tree = parse(data, TAGS, ATTRIBUTES, name, lost)
    root = tree.root
    if root is None or root.tag not in ("score-partwise", "score-timewise"):
        tag = "".join(character if character.isprintable() else "?" for character in tree.first[:40])
        raise ReadError("not-music", f"{name} is XML of another kind (<{tag}>), not MusicXML.")
    if tree.open:
        _cut(tree, lost)
    return mended(_partwise(root) if root.tag == "score-timewise" else root, name, limits, lost)


def notes_alone(root: Element) -> Element:
    """The score without anything that is not a note, a meter or a key: what is left where the rest makes no sense."""
    for measure in root.iterfind("part/measure"):
        for child in list(measure):
            if child.tag not in ("note", "backup", "forward", "attributes"):
                measure.remove(child)
    return root


def _cut(tree: Tree, lost: Counter[str]) -> None:
    """Takes away the element at which the file breaks off, which may say anything."""
    lost[BROKEN] += 1
    for holder, inside in zip(tree.open, tree.open[1:], strict=False):
        if holder.tag in ("measure", "part-list") and inside.tag not in ("part",):
            holder.remove(inside)
            return


def _partwise(root: Element) -> Element:
    """Measures of parts as parts of measures."""
    result = Element("score-partwise", root.attrib)
    parts: dict[str, Element] = {}
    for child in root:
        if child.tag != "measure":
            result.append(child)
            continue
        for part in child.findall("part"):
            name = str(part.get("id"))
            measure = Element("measure", child.attrib)
            measure.extend(list(part))
            parts.setdefault(name, Element("part", part.attrib)).append(measure)
    result.extend(parts.values())
    return result


def _unzip(data: bytes, name: str, limits: Limits, lost: Counter[str]) -> bytes:
    """The score inside an .mxl file: what its container names, or else the first XML in it."""
    archive = zips.Archive(data, name)
    paths = archive.names()
    if not paths:
        raise ReadError("damaged", f"{name} is damaged: it cannot be unpacked.")
    others = sorted(paths, key=lambda path: not path.lower().endswith((".xml", ".musicxml")))
    trouble: ReadError | None = None
    for path in dict.fromkeys(path for path in [*_named(archive, name), *others] if path in paths):
        if "META-INF" in path or path.lower().endswith(OTHERS):
            continue
        try:
            unpacked, whole = archive.read(path, limits.file_bytes)
        except ReadError as error:
            trouble = trouble or error
            continue
        if SCORE in unpacked[:HEAD].replace(b"\0", b""):  # also in UTF-16
            if not whole:
                lost["packed bytes that are damaged"] += 1
            return unpacked
        kind = looks_like(unpacked)
        trouble = trouble or ReadError("not-music", f"{name} holds {kind}, not MusicXML.")
    raise trouble or ReadError("not-music", f"{name} is a ZIP archive without a score.")


def _named(archive: zips.Archive, name: str) -> list[str]:
    """The paths that the container names; none where it cannot be read: the score is found without it."""
    if CONTAINER not in archive.names():
        return []
    try:
        data, _ = archive.read(CONTAINER, 1 << 16)
        tree = parse(data, frozenset({"container", "rootfiles", "rootfile"}), frozenset({"full-path"}), name, Counter())
    except ReadError as error:
        if error.reason == "unsafe":
            raise
        return []
    return [str(element.get("full-path")) for element in tree.root.iter("rootfile")] if tree.root is not None else []
