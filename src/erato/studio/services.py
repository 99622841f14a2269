"""What the calls of the API have at hand: the project, its queue, and a few limits. Knows nothing of HTTP."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from erato.studio.jobs import Queue
    from erato.studio.project import Project
    from erato.studio.reader import Reader
    from erato.studio.rendered import Renders

UPLOAD_BYTES = 10 * 2**20


@dataclass(frozen=True)
class Studio:
    """An opened project, its queue, what makes its sounds and pictures, and what reads files that are handed in.

    upload_bytes: the largest file that may be handed in.
    """

    project: "Project"
    queue: "Queue"
    renders: "Renders"
    reader: "Reader"
    upload_bytes: int = UPLOAD_BYTES
