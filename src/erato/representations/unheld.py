"""What the representations of scores share: a piece in, the score out, and counts of what no symbol stands for."""

from collections import Counter

from symusic.core import TrackTick

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


def unheld_by_one_track(score: Score, mspq: int, program: int = 0) -> Counter[str]:
    """What `unheld` counts, and all but the notes of one track of this program in 4/4 at one tempo."""
    lost, played = unheld(score), pitched(score)
    lost["tempos"] = sum(tempo.mspq != mspq for tempo in score.tempos)
    lost["time signatures"] = sum((t.numerator, t.denominator) != (4, 4) for t in score.time_signatures)
    lost["tracks"] = max(0, len(played) - 1)
    lost["programs"] = sum(track.program != program for track in played)
    lost["drum notes"] = sum(len(track.notes) for track in score.tracks if track.is_drum)
    return lost


def pitched(score: Score) -> list[TrackTick]:
    """The tracks with notes that are no drums."""
    return [track for track in score.tracks if len(track.notes) and not track.is_drum]
