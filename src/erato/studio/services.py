"""What the calls of the API have at hand: the project, its queue, and a few limits. Knows nothing of HTTP."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from erato.studio.jobs import Queue
    from erato.studio.project import Project
    from erato.studio.rendered import Renders

UPLOAD_BYTES = 10 * 2**20


@dataclass(frozen=True)
class Studio:
    """An opened project, its queue, and what makes its sounds and pictures.

    upload_bytes: the largest file that may be handed in.
    """

    project: "Project"
    queue: "Queue"
    renders: "Renders"
    upload_bytes: int = UPLOAD_BYTES
