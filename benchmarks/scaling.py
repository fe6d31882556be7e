"""Time and memory of a sweep against slices, object extent, objects and image size; and what labels far apart cost.

Each point runs in a process of its own, so that one's memory is not another's; the time is the
processor's, the least of three sweeps, which other programs disturb least. The slope is the
exponent of a power law fitted to the points: 0 is constant, 1 is linear.

    python benchmarks/scaling.py --quick             # a minute on 2 cores
    python benchmarks/scaling.py --png docs/images/scaling.png
"""

from __future__ import annotations

import argparse
import time
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
from scene import WINDOW, Ball, PeakMemory, make_scene, print_table, save

FULL = {
    "slices": (50, 100, 300, 1000, 2000),
    "extent": (10, 30, 100, 300),
    "objects": (1, 2, 4, 8, 16, 50),
    "image_size": (256, 512, 1024),
    "apart": (50, 100, 300, 1000, 2000),
}
QUICK = {"slices": (50, 200), "extent": (10, 40), "objects": (1, 4), "image_size": (128, 256), "apart": (20, 80)}
BASE = {"slices": 320, "extent": 20, "objects": 1, "image_size": None, "side": 512}
REPEATS = 3


def measure(
    slices: int, extent: int, objects: int, image_size: int | None, side: int, repeats: int
) -> dict[str, float]:
    """Sweep `objects` balls of `extent` slices each and take the time and the memory over the volume's own."""
    from volsweep.engine.engine import Engine
    from volsweep.engine.network.build import load_network
    from volsweep.engine.sweep.plan import SweepOptions
    from volsweep.geometry import Plane
    from volsweep.intensity import resolve_window
    from volsweep.models import checkpoint_path, find_model
    from volsweep.prompts.kinds import Box

    rng = np.random.default_rng(5)
    first = (slices - extent) // 2
    balls = [
        Ball(i + 1, first, first + extent - 1, tuple(rng.uniform(0.3, 0.7, 2) * side), side * 0.05)
        for i in range(objects)
    ]
    scene = make_scene(slices, side, balls)
    spec = find_model("volsweep-nano")
    network = load_network(spec.config_path, checkpoint_path(spec), "cpu", image_size)
    # The range is the object's, so that every point does the same work per slice.
    options = SweepOptions(first, first + extent - 1, patience=0)
    prompts = {b.label: {b.middle: (Box(label=b.label, slice=b.middle, box_xyxy=b.box_xyxy()),)} for b in balls}
    seconds = []
    with PeakMemory() as memory:
        for _ in range(repeats):
            started = time.process_time()
            engine = Engine(network, scene.volume, resolve_window(scene.volume, WINDOW), spec.zoom)
            for _ in engine.sweeper(Plane.AXIAL).sweep(prompts, options):
                pass
            seconds.append(time.process_time() - started)
    return {
        "seconds": min(seconds),
        "memory_mb": memory.grown / 1e6,
        "volume_mb": scene.volume.array_zyx.nbytes / 1e6,
        "resident_mb": memory.peak / 1e6,
    }


def measure_apart(slices: int, side: int, repeats: int) -> dict[str, float]:
    """Time and memory of the labels of two small lesions at either end of a volume; the label volume itself counts."""
    import volsweep
    from volsweep.geometry import Grid
    from volsweep.volume import Volume

    shape = (slices, side, side)
    session = volsweep.Session(
        Volume(np.zeros(shape, np.int16), Grid.axis_aligned(shape, (1, 1, 1)), "CT"), window="lung"
    )
    lesion = np.zeros((side, side), dtype=bool)
    lesion[side // 4 : side // 4 + 9, side // 4 : side // 4 + 9] = True
    for label, first in ((1, 3), (2, slices - 6)):
        for index in range(first, first + 3):
            session.add_mask(label=label, slice=index, mask_yx=lesion)
    session.label_slice(3)  # loads torch, and the network
    seconds = []
    with PeakMemory() as memory:
        for _ in range(repeats):
            started = time.process_time()
            labels = session.labels
            seconds.append(time.process_time() - started)
            assert labels.array_zyx.max() == 2
            size = labels.array_zyx.nbytes
            del labels
    return {
        "seconds": min(seconds),
        "memory_mb": memory.grown / 1e6,
        "volume_mb": size / 1e6,
        "resident_mb": memory.peak / 1e6,
    }


def measure_point(point: dict[str, Any], repeats: int) -> dict[str, float]:
    """What one point takes, in a process that has measured nothing before."""
    return (
        measure_apart(point["apart"], point["side"], repeats) if "apart" in point else measure(**point, repeats=repeats)
    )


def slope(values: list[float], seconds: list[float]) -> float:
    """Exponent of the power law through the points."""
    return float(np.polyfit(np.log(values), np.log(seconds), 1)[0])


def plot(results: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Draw time and memory against each axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    units = {
        "slices": "slices of the volume",
        "apart": "slices, two lesions",
        "extent": "slices of the object",
        "image_size": "image size (pixels)",
    }
    figure, axes = plt.subplots(
        2, len(results), figsize=(3.2 * len(results), 5.6), squeeze=False, sharey="row", sharex="col"
    )
    for column, (name, points) in enumerate(results.items()):
        x = [p[name] for p in points]
        for row, key in enumerate(("seconds", "memory_mb")):
            axes[row, column].loglog(x, [p[key] for p in points], "o-")
            axes[row, column].grid(alpha=0.3)
        axes[0, column].set_title(f"time ~ n^{round(slope(x, [p['seconds'] for p in points]), 2) + 0.0:.2f}")
        axes[1, column].set(xlabel=units.get(name, name))
        axes[1, column].set_xticks(x, [str(value) for value in x])
        axes[1, column].minorticks_off()
    axes[0, 0].set(ylabel="processor time (s)")
    axes[1, 0].set(ylabel="memory over start (MB)")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Run every axis and print the slopes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two points on each axis")
    parser.add_argument("--axes", nargs="+", choices=list(FULL), default=list(FULL))
    parser.add_argument("--side", type=int, default=BASE["side"], help="voxels along a slice's edges")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="sweeps a point, of which the least counts")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--png", type=Path)
    arguments = parser.parse_args()

    results: dict[str, list[dict[str, float]]] = {}
    with Pool(1, maxtasksperchild=1) as process:
        for name in arguments.axes:
            for value in (QUICK if arguments.quick else FULL)[name]:
                side = {"side": arguments.side, name: value}
                point = side if name == "apart" else BASE | side
                found = process.apply(measure_point, (point, arguments.repeats))
                results.setdefault(name, []).append(point | found)
    rows = [
        [name, p[name], p["seconds"], p["memory_mb"], p["volume_mb"], p["resident_mb"] - p["volume_mb"]]
        for name, points in results.items()
        for p in points
    ]
    print_table(["axis", "value", "seconds", "memory over start (MB)", "volume (MB)", "process over volume (MB)"], rows)
    print()
    fits = [
        [name, slope([p[name] for p in points], [p["seconds"] for p in points])] for name, points in results.items()
    ]
    print_table(["axis", "exponent of time"], fits)
    if "slices" in results:
        short, long = (results["slices"][i] for i in (1 if len(results["slices"]) > 2 else 0, -1))
        print(f"\n{long['slices']} slices take {long['seconds'] / short['seconds']:.2f} times {short['slices']} slices")
    save(results, arguments.json)
    if arguments.png:
        arguments.png.parent.mkdir(parents=True, exist_ok=True)
        plot(results, arguments.png)


if __name__ == "__main__":
    main()
