"""`erato check` on a folder, start-up and hashing included, in files a second; and its memory.

python benchmarks/check_speed.py FOLDER [--times 5]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    rates = []
    for _ in range(given.times):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "erato", "check", given.folder, "--json"], capture_output=True, text=True, check=True
        )
        seconds = time.perf_counter() - started
        files = json.loads(done.stdout)["files"]
        rates.append(files / seconds)
        print(f"{files} files in {seconds:.2f} s: {rates[-1]:.0f} a second")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"median {statistics.median(rates):.0f} files a second; largest process {peak:.0f} MB")


if __name__ == "__main__":
    main()
