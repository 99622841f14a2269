"""Anybody's text to text that a terminal only shows: what would steer it is written as its number.

In: names of files, tracks and pieces, sentences with these, words that a run wrote. Knows nothing of who prints it.
"""

from unicodedata import bidirectional, category

_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})  # turn the text around them


def plain(text: str) -> str:
    """`text` with control and direction characters and lone surrogates as in Python's strings: \\x1b, \\u202e, \\udcff.

    Lines and tabs stay.
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_plain, text))


def _plain(character: str) -> str:
    if character in "\n\t" or not (category(character) in ("Cc", "Cs") or bidirectional(character) in _DIRECTIONS):
        return character
    return character.encode("unicode_escape").decode()
