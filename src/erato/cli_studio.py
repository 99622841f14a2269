"""The `erato studio` command: options in, a server running; knows nothing of what it serves."""

import argparse
import sys
from pathlib import Path

from erato.errors import UsageError

_MEANS = (
    "Everyone who can reach {host} and has the address with its token can use this studio: your music, your disk space "
    "and the processor. What goes over the network is not encrypted."
)


def studio(given: argparse.Namespace) -> int:
    """Serves a project until Ctrl-C."""
    from erato.studio import guard, serving
    from erato.studio.guard import Place
    from erato.studio.jobs import Queue
    from erato.studio.project import Project
    from erato.studio.services import Studio

    if not guard.is_loopback(given.host):
        means = _MEANS.format(host=given.host)
        if not given.i_understand:
            raise UsageError(f"{means} If that is what you want, add --i-understand.")
        print(means, file=sys.stderr)
    runs = [Path(folder) for folder in given.runs or ["runs"]]
    for folder in map(Path, [*given.runs, *given.folder]):
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder: name one that exists.")
    listening = serving.listen(given.host, given.port)
    try:
        project = Project(
            Path(given.project), [folder for folder in runs if folder.is_dir()], [Path(one) for one in given.folder]
        )

        def started(place: Place) -> None:
            address = f"http://{_shown_host(given.host)}:{place.port}/"
            opened = f"{address}?token={project.token}"
            print(f"The studio of {project.folder} is open at\n\n    {opened}\n\nCtrl-C ends it.", flush=True)
            if not given.no_browser:
                import webbrowser

                webbrowser.open(opened)

        serving.serve(Studio(project, Queue(project)), listening, given.host, started)
    except KeyboardInterrupt:
        print("\nThe studio has ended.", file=sys.stderr)
    finally:
        listening.close()
    return 0


def _shown_host(host: str) -> str:
    """What a browser on this computer is to ask for."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
