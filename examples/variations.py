"""Four continuations of one piece, from safe to bold: the same prompt and seed at four temperatures.

python examples/variations.py RUN PIECE.mid OUT_FOLDER
"""

import sys
from pathlib import Path

import erato


def main(run_folder: str, prompt: str, out: str) -> None:
    run = erato.load(run_folder)
    Path(out).mkdir(parents=True, exist_ok=True)
    for temperature in (0.7, 0.9, 1.1, 1.3):
        (piece,) = run.compose(Path(prompt), seed=1, bars=4, temperature=temperature)
        path = erato.render(piece, Path(out) / f"temperature-{temperature}.mid")
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
