"""Throughput of batches: one process, one and two workers, against a shell loop of `volsweep segment`.

    python benchmarks/batch.py --json runs/batch.json   # 200 small series cut from the phantom; 5 minutes on 2 cores
    python benchmarks/batch.py --series 40 --loop 5

The shell loop is timed on a few series, since each takes as long as the first. Memory is that of
the process of the first run, after a tenth of the series and after all of them. Efficiency is the
throughput of two workers over twice that of one, once started; it means something only where nothing
else uses the cores, which the load tells.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

BOX = "box lesion=1@8:27,27,58,55"
MODES = {"batch run": (), "batch run --workers 1": ("--workers", "1"), "batch run --workers 2": ("--workers", "2")}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--loop", type=int, default=10, help="series in the shell loop; 0 leaves it out")
    parser.add_argument("--json", type=Path, default=None, help="file to write the numbers to")
    return parser.parse_args()


def make(folder: Path, count: int) -> Path:
    """Cut the phantom's lesion out, with other noise for every series, and write the manifest."""
    import nibabel as nib

    from volsweep import read_volume
    from volsweep.cases.phantoms import sample

    part = read_volume(sample("ct_phantom").series).array_zyx[12:29, 71:155, 28:113].astype(np.int16)
    random = np.random.default_rng(0)
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["series", "prompts", "window"])
        for i in range(count):
            array = part + random.integers(-5, 6, part.shape, dtype=np.int16)
            nib.save(nib.Nifti1Image(array.T, np.diag([-1.4, -1.4, 4.5, 1])), folder / f"s{i:04d}.nii.gz")
            writer.writerow([f"s{i:04d}.nii.gz", BOX, "400/40"])
    return folder / "manifest.csv"


def timed(command: list[str], watch: Callable[[int], None] | None = None) -> np.ndarray:
    """Seconds on the clock, and of processors: the latter hold on a busy machine too."""

    def processors() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    began = np.array([time.perf_counter(), processors()])
    with subprocess.Popen([sys.executable, "-m", "volsweep", *command], stdout=subprocess.DEVNULL) as running:
        while watch is not None and running.poll() is None:
            watch(running.pid)
            time.sleep(0.2)
    if running.returncode:
        raise SystemExit(f"volsweep {' '.join(command)} ended with {running.returncode}")
    return np.array([time.perf_counter(), processors()]) - began


class Memory:
    """MiB of a process, each time with the number of series that are finished."""

    def __init__(self, results: Path) -> None:
        self.seen: list[tuple[int, float]] = []
        self._series = results / "series"

    def __call__(self, pid: int) -> None:
        """Look at a process."""
        done = sum(not p.name.startswith(".") for p in self._series.iterdir()) if self._series.is_dir() else 0
        with suppress(OSError, IndexError):  # it has just ended
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            self.seen.append((done, pages * os.sysconf("SC_PAGE_SIZE") / 2**20))

    def after(self, count: int) -> float:
        """When so many series were finished, or the last time before the end."""
        return next((mib for done, mib in self.seen if done >= count), self.seen[-1][1])


def loop(folder: Path, count: int) -> np.ndarray:
    """Seconds that a series takes in a shell loop, on the clock and of processors."""
    total = np.zeros(2)
    for i in range(count):
        out = folder / "loop" / f"s{i:04d}"
        out.mkdir(parents=True)
        kind, _, prompt = BOX.partition(" ")
        command = ["segment", str(folder / f"s{i:04d}.nii.gz"), f"--{kind}", prompt, "--window", "400/40", "-q"]
        files = {"-o": "labels.nii.gz", "--preview": "preview.png", "--report": "report.json"}
        total += timed(command + [part for option, name in files.items() for part in (option, str(out / name))])
    return total / count


DIGITS = {"seconds": 0, "series_per_s": 2, "steady_per_s": 2, "cpu_s": 2}


def row(how: str, whole: np.ndarray, count: int, each: np.ndarray) -> dict[str, str | float]:
    """One line, from (clock, processor) seconds for all series and for each once started."""
    return {
        "how": how,
        "seconds": float(whole[0]),
        "series_per_s": float(count / whole[0]),
        "steady_per_s": float(1 / max(each[0], 1e-6)),
        "cpu_s": float(each[1]),
    }


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        manifest = make(folder, args.series)
        first = folder / "first.csv"
        first.write_text("".join(manifest.read_text().splitlines(keepends=True)[:2]))
        rows = []
        memory = Memory(folder / "out0")
        for i, (name, options) in enumerate(MODES.items()):
            start = timed(["batch", "run", str(first), "-o", str(folder / f"first{i}"), "-q", *options])
            command = ["batch", "run", str(manifest), "-o", str(folder / f"out{i}"), "-q", *options]
            whole = timed(command, None if i else memory)
            rows.append(row(name, whole, args.series, (whole - start) / (args.series - 1)))
        if args.loop:
            each = loop(folder, args.loop)
            rows.append(row(f"shell loop of segment ({args.loop} timed)", each * args.series, args.series, each))
    early, late = memory.after(max(1, args.series // 10)), memory.after(args.series)
    one, two = (float(rows[i]["steady_per_s"]) for i in (1, 2))
    headings = ("how", "seconds", "series/s", "series/s once started", "CPU s a series once started")
    lines = [f"| {' | '.join(headings)} |", "|---|--:|--:|--:|--:|"]
    for found in rows:
        numbers = (f"{found[key]:.{digits}f}" for key, digits in DIGITS.items())
        lines.append(f"| {found['how']} | {' | '.join(numbers)} |")
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    lines += ["", f"{args.series} series of 17×84×85 voxels, {cores} cores, load {load:.1f} at the end."]
    lines += [f"Two workers: {two / one:.2f} times the throughput of one, an efficiency of {two / one / 2:.0%}."]
    lines += [f"Memory of one process: {early:.0f} MiB after a tenth of the series, {late:.0f} MiB after all."]
    text = "\n".join(lines) + "\n"
    print(text)
    if args.json:
        found = {"rows": rows, "efficiency": two / one / 2, "memory_mib": [early, late], "cores": cores, "load": load}
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
