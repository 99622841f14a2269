"""The commands of docs/api.md are true: each names a call that there is, and all of them run, one after the other."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import write_scales  # type: ignore[import-not-found]

from erato.studio.api import ENDPOINTS, EVENTS

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
LINES = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]
CALLS = [line for line in LINES if "curl " in line]


def test_every_command_names_a_call_that_there_is():
    assert len(CALLS) > 25
    known = [
        (one.method, re.compile(re.sub(r"{\w+}", "[^/]+", one.path.replace(".", r"\."))))
        for one in [*ENDPOINTS, EVENTS]
    ]
    for line in CALLS:
        path = "/api" + re.search(r"\$API([^\s\"?]*)", line)[1]
        method = "GET"
        if "-d " in line or "--data-binary" in line:
            method = "POST"
        if found := re.search(r"-X (\w+)", line):
            method = found[1]
        assert any(method == one and pattern.fullmatch(path) for one, pattern in known), line


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
def test_every_command_runs(tmp_path):
    write_scales(tmp_path / "my-music")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    script = ["set -euo pipefail", 'curl() { command curl --fail-with-body "$@"; }']
    for line in LINES:
        if line.startswith("erato studio"):
            erato = f"{sys.executable} -m erato"
            line = f"{line.replace('erato', erato, 1).removesuffix('&')} --port {port} > studio.txt 2>&1 &"
            script += [line, "trap 'kill -INT $!; wait' EXIT", "until grep -q token= studio.txt; do sleep 0.1; done"]
            continue
        line = line.replace("8321", port).replace('\\"minutes\\": 1,', '\\"minutes\\": 0.05,')
        if "--max-time" in line:
            line = f"{line} || [ $? = 28 ]"
        script.append(line)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    assert '"starred":true' in done.stdout and "event: job" in done.stdout and '"event-transformer"' in done.stdout
    assert (tmp_path / "piece.wav").read_bytes()[:4] == b"RIFF" and (tmp_path / "page.svg").read_bytes()[:1] == b"<"
    assert b"score-partwise" in (tmp_path / "piece.musicxml").read_bytes()
    assert (tmp_path / "kept.zip").read_bytes()[:2] == (tmp_path / "project.zip").read_bytes()[:2] == b"PK"
