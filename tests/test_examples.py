import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_examples_run_one_after_the_other(music_folder, tmp_path):
    def run(name, *arguments):
        command = [sys.executable, "-W", "error", EXAMPLES / name, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.split("\n")

    made = run("from_folder.py", music_folder, "out", 0.05)
    assert made[0] == "12 of 12 files can be used"
    made += run("variations.py", "out/run", music_folder / "piece00.mid", "variations")
    assert len([line for line in made[1:] if line and (tmp_path / line).stat().st_size]) == 8


def test_every_example_is_run():
    text = Path(__file__).read_text()
    assert all(path.name in text for path in EXAMPLES.glob("*.py"))
