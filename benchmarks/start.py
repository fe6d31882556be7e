"""How soon the command answers: processor time of what loads nothing heavy, beside Python's own start.

python benchmarks/start.py
python benchmarks/start.py --rounds 20
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from scene import print_table, save

NEIGHBOUR = ("-c", "import numpy, pydantic, rich.console, typer")
LINES = {
    "Python, numpy, pydantic, rich and typer": NEIGHBOUR,
    "import volsweep": ("-c", "import volsweep"),
    "volsweep --version": ("-m", "volsweep", "--version"),
    "volsweep --help": ("-m", "volsweep", "--help"),
}


def processor_s(words: tuple[str, ...]) -> float:
    """Processor time of a Python of its own, in seconds, of all its threads."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run each line by turns with its neighbour."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    taken: dict[str, list[float]] = {line: [] for line in LINES}
    for _ in range(arguments.rounds + 1):
        for line, words in LINES.items():
            taken[line].append(processor_s(words))
    least = {line: min(seconds[1:]) for line, seconds in taken.items()}  # the first round reads the files from disk
    neighbour = least[next(iter(LINES))]
    rows = [[line, s, statistics.median(taken[line][1:]), s / neighbour] for line, s in least.items()]
    print_table(["what", "least (s)", "median (s)", "of its neighbour's"], rows)
    save(least, arguments.json)


if __name__ == "__main__":
    main()
