"""From a folder of music to new music, in Python: check, train, compose, render.

python examples/from_folder.py MY_FOLDER OUT_FOLDER [MINUTES]
"""

import sys
from pathlib import Path

import erato


def main(folder: str, out: str, minutes: str = "3") -> None:
    report = erato.check(folder)
    print(f"{report.used} of {report.files} files can be used")
    run = erato.train("event-transformer", folder, Path(out) / "run", minutes=float(minutes))
    for sample in run.sample(n=2, seed=1, bars=8):
        for suffix in (".mid", ".png"):
            print(erato.render(sample, Path(out) / f"seed{sample.seed}{suffix}", f"Seed {sample.seed}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
