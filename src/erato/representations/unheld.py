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
    lyrics = controls = pedals = bends = 0
    for track in score.tracks:
        lyrics += len(track.lyrics)
        controls += len(track.controls)
        pedals += len(track.pedals)
        bends += len(track.pitch_bends)
    return Counter(
        {
            "lyrics": lyrics,
            "controls": controls,
            "pedals": pedals,
            "pitch bends": bends,
            "key signatures": len(score.key_signatures),
            "markers": sum(marker.text != END for marker in score.markers),
        }
    )
