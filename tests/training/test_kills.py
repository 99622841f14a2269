"""Trainings that are killed at random moments, half of them within a save, end with the bytes of one that was not."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[2] / "benchmarks" / "kills.py"
KILLS = 40


@pytest.mark.slow
def test_killed_trainings_end_with_the_same_bytes(tmp_path):
    command = [sys.executable, "-W", "ignore", str(HARNESS), "--kills", str(KILLS), "--in-save", "0.5", "--seed", "5"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ERATO_CACHE": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    found = ast.literal_eval(done.stdout.splitlines()[-1])
    assert found["kills"] >= KILLS and found["in a save"] >= KILLS // 4
    assert (found["different"], found["failed"]) == (0, 0), done.stderr
