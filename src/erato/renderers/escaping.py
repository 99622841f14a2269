"""Text to what may stand in LaTeX and in Markdown, so that it is text there. Knows nothing of what is written."""

import re

from erato.renderers.names import one_line

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "`": r"\`{}",
    "[": "{[}",  # after the end of a row they would be its options
    "]": "{]}",
    "*": "{*}",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "°": r"$^\circ$",
    "∞": r"$\infty$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "♯": r"$\sharp$",
    "♭": r"$\flat$",
    "…": r"\ldots{}",
    "–": "--",
    "—": "---",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_MARKS = re.compile(r"([\\`*_\[\]|~$])")
_BEGINNINGS = re.compile(r"^(\d*)([#+.)-]+(?=\s|$)|>)")  # of a heading, a list or a quotation


def latex_escaped(text: str) -> str:
    """`text` on one line of LaTeX, as text; letters that are no ASCII stay, which LaTeX reads as UTF-8."""
    apart = re.sub("-(?=-)", "-\0", one_line(text))  # hyphens that touch would be a dash
    return "".join(_LATEX.get(character, character) for character in apart).replace("\0", "{}")


def markdown_escaped(text: str) -> str:
    """`text` on one line of GitHub's Markdown, as text, also in a cell of a table."""
    line = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return _BEGINNINGS.sub(r"\1\\\2", _MARKS.sub(r"\\\1", line))
