"""What the representations of scores share: a piece in, the score out, and counts of what no symbol stands for."""

from collections import Counter

from erato.errors import UsageError
from erato.score import END, Piece, Score


def as_score(piece: Piece, representation: str) -> Score:
    """The piece as a score; UsageError for a text."""
    if isinstance(piece, str):
        raise UsageError(f"{representation} holds music, got a text: use a representation of texts.")
    return piece


def unheld(score: Score) -> Counter[str]:
    """How many of each kind of event there are besides notes, tempos, meters and the end."""
    found = Counter[str]()
    for track in score.tracks:
        found["lyrics"] += len(track.lyrics)
        found["controls"] += len(track.controls)
        found["pedals"] += len(track.pedals)
        found["pitch bends"] += len(track.pitch_bends)
    found["key signatures"] = len(score.key_signatures)
    found["markers"] = sum(marker.text != END for marker in score.markers)
    return found
