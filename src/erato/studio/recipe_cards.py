"""The recipes as a person chooses among them: what each is good for, in plain words, and how long it wants.

Recipes that only repeat a tutorial, or that need a graphics card or a checkpoint from elsewhere, are for the command
line. Knows nothing of how they work.
"""

from typing import Any

# name: what it is for, the minutes after which it is worth hearing on two cores, what it needs
_MUSIC = {
    "event-transformer": (
        "Any music with bars, of one or several instruments: the best to begin with.",
        10,
        "a dozen pieces with bars (MusicXML, or MIDI on the beat)",
    ),
    "note-chord-lstm": (
        "Notes and chords like words in a sentence; simple harmonies, no rhythm of its own.",
        10,
        "a dozen pieces",
    ),
    "note-lstm": (
        "Single notes with their timing and loudness, as they were played.",
        5,
        "a dozen pieces, played or written",
    ),
    "pianoroll-lstm": (
        "Which piano keys sound at each moment: chords and textures.",
        10,
        "a dozen pieces for keyboard",
    ),
    "performance-transformer": (
        "Piano as it was played, with rubato and touch.",
        10,
        "an hour of played piano (MIDI recordings)",
    ),
    "musegan-small": (
        "Four instruments at once, with four dials: chords, style, melody and groove.",
        10,
        "a dozen pieces of several tracks in 4/4",
    ),
    "musegan-conditional": (
        "Four instruments at once; it has also learnt to write the others to yours.",
        30,
        "a dozen pieces of several tracks in 4/4",
    ),
    "pianonet": (
        "Key by key, 48 times a second: free piano textures. Learns slowly, plays fast.",
        30,
        "an hour of piano",
    ),
}
_TEXT = {
    "char-transformer": (
        "Words, letter by letter: the best for texts to begin with.",
        5,
        "a text of some 20 pages",
    ),
    "char-lstm": ("Words, letter by letter, by an older and simpler model.", 5, "a text of some 20 pages"),
    "lyrics-lstm": ("Lyrics, plays and scripts, with their line breaks.", 10, "a text of some 20 pages"),
    "word-transformer": (
        "Word by word: it only uses words that are in your texts.",
        5,
        "a text of some 50 pages",
    ),
    "gpt2-small": ("Parts of words; needs more text than the others.", 10, "a text of some 100 pages"),
}


def recipe_cards() -> list[dict[str, Any]]:
    """{name, summary, kind, minutes, needs} of each recipe that the studio offers, the best to begin with first."""
    return [
        {"name": name, "summary": summary, "kind": kind, "minutes": minutes, "needs": needs}
        for kind, cards in (("music", _MUSIC), ("text", _TEXT))
        for name, (summary, minutes, needs) in cards.items()
    ]
