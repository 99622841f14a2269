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


@pytest.mark.slow
def test_a_small_gpt2_from_scratch_to_another_text(tmp_path):
    for name, line in (("first", "The {} sat on the mat number {}."), ("other", "A {} will fly in {} days!")):
        lines = [line.format(who, count) for count, who in enumerate(["cat", "dog", "cow", "hen", "ant"] * 8)]
        (tmp_path / f"{name}.txt").write_text("\n\n".join(lines))
    command = [sys.executable, "-W", "error", EXAMPLES / "small_gpt2.py", "out", "--steps", "12"]
    command += ["--corpus", "first.txt", "--other", "other.txt"]
    made = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    before, after = (float(part.split()[0]) for part in made.split("perplexity ")[2].split("before, "))
    assert after < before
    assert made.count("--- 3 beams") == 3 and "--- greedy" in made and "--- top-p 0.75" in made


def test_every_example_is_run():
    text = Path(__file__).read_text()
    assert all(path.name in text for path in EXAMPLES.glob("*.py"))
