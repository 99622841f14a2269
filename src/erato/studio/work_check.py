"""What can be read of a corpus, as a job: files, pieces, what was left out and why, seconds, instruments.

Knows nothing of queues; `erato.corpora` reads.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

from erato.corpora import CORPORA, Pieces, find
from erato.corpora import check as report_on
from erato.corpora.scan import Verdict
from erato.corpora.store import unpack
from erato.general_midi import instrument_name
from erato.score import Piece, seconds
from erato.studio import folders
from erato.studio.jobs import Job
from erato.studio.project import Project
from erato.studio.work_train import Telling

if TYPE_CHECKING:
    from erato.studio.work import Tell


class _Heard:
    """Seconds and characters of all pieces, and in how many of them each instrument plays."""

    def __init__(self) -> None:
        self.seconds, self.characters, self.instruments = 0.0, 0, Counter[str]()

    def add(self, piece: Piece) -> None:
        if isinstance(piece, str):
            self.characters += len(piece)
            return
        self.seconds += seconds(piece)
        played = (track for track in piece.tracks if len(track.notes))
        self.instruments.update({instrument_name(track.program, track.is_drum) for track in played})

    def add_all(self, verdict: Verdict) -> None:
        for facts in verdict.pieces:
            self.add(unpack(facts.packed))

    def to_json(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 1),
            "characters": self.characters,
            "instruments": dict(self.instruments.most_common()),
        }


def check(project: Project, job: Job, tell: "Tell") -> dict[str, Any]:
    """The report of `erato check` on a corpus of the project, with `seconds`, `characters` and `instruments`: in how
    many pieces each plays."""
    reporter, heard = Telling(tell), _Heard()
    reporter.say("Looking for files")
    source = folders.source(project, job.request["corpus"])
    if source not in CORPORA:
        report = report_on(source, progress=reporter.progress, each=heard.add_all)
        return {**report.to_json(), **heard.to_json()}
    corpus = find(source)
    pieces = corpus.pieces("text" if corpus.kind == "text" else "music", progress=reporter.progress)
    for number in range(len(pieces)):
        heard.add(pieces[number])
        reporter.progress(number + 1, len(pieces), "listening to pieces")
    return {**_of_pieces(pieces), **heard.to_json()}


def _of_pieces(pieces: Pieces) -> dict[str, Any]:
    """The report on a corpus that came with Erato, by its manifest."""
    files = pieces.manifest["files"]
    verdicts = Counter(file["verdict"] for file in files)
    return {
        "files": len(files),
        "used": verdicts["used"] + verdicts["flagged"],
        "pieces": len(pieces),
        "notes": sum(entry.notes for entry in pieces.entries),
        "duplicates": verdicts["duplicate"],
        "skipped": [
            {"file": file["name"], "reason": file["reason"], "message": file["message"]}
            for file in files
            if file["verdict"] == "skipped"
        ],
        "flagged": [{"file": file["name"], "lost": file["lost"]} for file in files if file.get("lost")],
    }
