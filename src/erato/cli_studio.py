"""The `erato studio` command: options in, a server running; knows nothing of what it serves."""

import argparse
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from erato.errors import UsageError

if TYPE_CHECKING:
    from erato.studio.jobs import Queue

_MEANS = (
    "Everyone who can reach {host} and has the address with its token can use this studio: your music, your disk space "
    "and your processor. What goes over the network is not encrypted."
)


def studio(given: argparse.Namespace) -> int:
    """Serves a project until Ctrl-C."""
    from erato.studio import guard, score_json, serving
    from erato.studio.jobs import Queue
    from erato.studio.project import Project
    from erato.studio.reader import Reader
    from erato.studio.rendered import Renders
    from erato.studio.services import Studio
    from erato.studio.workers import Workers

    if not guard.is_loopback(given.host):
        means = _MEANS.format(host=given.host)
        if not given.i_understand:
            raise UsageError(f"{means} If that is what you want, add --i-understand.")
        print(means, file=sys.stderr)
    for folder in (*given.runs, *given.folder):
        if not Path(folder).is_dir():
            raise UsageError(f"{folder} is no folder: name one that exists.")
    runs = [Path(folder) for folder in given.runs or ["runs"] if Path(folder).is_dir()]
    project = Project(Path(given.project), runs, [Path(folder) for folder in given.folder])
    queue = Queue(project)

    def started(place: guard.Place) -> None:
        address = f"http://{_reached(given.host)}:{place.port}/"
        said = f"The studio of {project.folder} is open at\n\n    {address}?token={project.token}\n\nCtrl-C ends it."
        print(said, flush=True)
        if not given.no_browser:
            import webbrowser

            opening = (f"{address}?once={place.once}",)  # everybody here can see what programs are started with
            threading.Thread(target=webbrowser.open, args=opening, daemon=True).start()  # it may wait for the browser

    try:
        with (
            suppress(KeyboardInterrupt),
            Workers(project, queue),
            closing(Renders(project)) as renders,
            closing(Reader(score_json.LIMITS)) as reader,
            closing(serving.listen(given.host, given.port)) as listening,
        ):
            renders.warm()
            try:
                serving.serve(Studio(project, queue, renders, reader), listening, given.host, started)
            finally:  # before the workers, as a training saves first
                print(f"\nThe studio ends{_left(queue)}.", file=sys.stderr)
    finally:
        project.close()
    return 0


def _left(queue: "Queue") -> str:
    """What goes on when it is opened again, as the end of a sentence."""
    left = len(queue.find(state="waiting")) + len(queue.find(state="running"))
    if not left:
        return ""
    return f"; {'one job goes' if left == 1 else f'{left} jobs go'} on when it is opened again"


def _reached(host: str) -> str:
    """What a browser on this computer is to ask for."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
