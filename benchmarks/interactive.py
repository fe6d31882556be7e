"""Click to mask: how long a reader waits for a box on a fresh slice, for a click, and for one given at once.

A click is given after a look at what it corrects, and meanwhile a session gets ready for it; at once after another it
waits for that, too.

python benchmarks/interactive.py
python benchmarks/interactive.py --model sam2.1-tiny --image-size 512 --random
python benchmarks/interactive.py --sitting 150

A sitting is many clicks at one object of a session, one after the other: what the first and the last of them cost, what
memory they keep, and how much of it is left when all are undone.
"""

from __future__ import annotations

import argparse
import gc
import resource
import time
from pathlib import Path

import numpy as np
from model_options import add_model_options, load_model
from scene import WINDOW, Ball, make_scene, print_table, save

from volsweep.engine.engine import CACHE_BYTES
from volsweep.engine.slices.view import FeatureCache, Frames, View
from volsweep.engine.sweep.prompted import Previewer
from volsweep.intensity import resolve_window
from volsweep.prompts.kinds import Box, Point
from volsweep.session.session import Session


def main() -> None:
    """Time boxes on fresh slices, and clicks on slices that were seen before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_options(parser)
    parser.add_argument("--clicks", type=int, default=60)
    parser.add_argument("--sitting", type=int, default=0, metavar="CLICKS")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.sitting:
        sitting(arguments.sitting, arguments.json)
        return

    spec, network = load_model(arguments)
    ball = Ball(1, 0, arguments.clicks - 1, (240, 250), 40)
    scene = make_scene(arguments.clicks, 512, [ball])
    frames = Frames(scene.volume, "axial", resolve_window(scene.volume, WINDOW))
    previewer = Previewer(View(network, frames, spec.zoom, FeatureCache(CACHE_BYTES)))
    rng = np.random.default_rng(2)
    kinds: dict[str, list[tuple[float, float]]] = {"a box on a fresh slice": [], "a click": [], "a click at once": []}
    for z in range(arguments.clicks):
        box = Box(label=1, slice=z, box_xyxy=ball.box_xyxy())
        click = Point(label=1, slice=z, point_xy=tuple(rng.uniform(225, 265, 2)))
        at_once = Point(label=1, slice=z, point_xy=tuple(rng.uniform(225, 265, 2)))
        asked = zip(kinds.values(), ((box,), (box, click), (box, click, at_once)), strict=True)
        for number, (seconds, prompts) in enumerate(asked):
            started = time.perf_counter(), time.process_time()
            previewer.mask(previewer.given({z: prompts}, z))  # as a session asks
            seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
            if number == 0:
                previewer.decoder.get_ready()  # while the reader looks at the mask
    rows, results = [], {}
    for name, seconds in kinds.items():
        clock, processor = 1000 * np.array(seconds[2:]).T  # the first two warm torch up
        p50, p95 = (float(np.percentile(clock, p)) for p in (50, 95))
        work = float(np.median(processor))
        rows.append([name, p50, p95, work])
        results[name] = {"p50_ms": p50, "p95_ms": p95, "processor_ms": work}
    print(f"{spec.id} at {network.image_size} px, {arguments.clicks} slices of 512 x 512\n")
    print_table(["prompt", "p50 (ms)", "p95 (ms)", "processor (ms)"], rows)
    save(results, arguments.json)


def sitting(clicks: int, json: Path | None) -> None:
    """Click at one object again and again, on three of its slices in turn; undo all of it."""
    ball = Ball(1, 0, 23, (240, 250), 40)
    session = Session(make_scene(24, 512, [ball]).volume, "volsweep-nano", window=WINDOW)
    slices, rng = (10, 12, 14), np.random.default_rng(2)
    for index in slices:
        session.add_box(label=1, slice=index, box_xyxy=ball.box_xyxy())
        session.preview(label=1, slice=index)
    list(session.steps())
    seconds, kept = [], [_megabytes()]
    for number in range(clicks):
        index, started = slices[number % 3], time.process_time()
        x, y = rng.uniform(225, 265, 2)
        session.add_point(label=1, point_zyx=(index, y, x), positive=bool(number % 2))
        session.preview(label=1, slice=index)
        _ = session.label_slice(index)
        seconds.append(time.process_time() - started)
        if (number + 1) % 50 == 0:
            kept.append(_megabytes())
    started = time.process_time()
    list(session.steps())
    sweep = time.process_time() - started
    for _ in range(clicks + 1):
        session.undo()
    session.release()
    kept.append(_megabytes())
    third = clicks // 3
    first, last = (1000 * float(np.median(part)) for part in (seconds[3:third], seconds[-third:]))
    print_table(["of the clicks", "processor (ms)"], [["first third, median", first], ["last third, median", last]])
    print(f"\na sweep after them: {sweep:.1f} s of processor")
    print(f"memory (MiB) before, after every 50 clicks, after undo: {', '.join(f'{m:.0f}' for m in kept)}")
    save({"first_ms": first, "last_ms": last, "sweep_s": sweep, "memory_mib": kept}, json)


def _megabytes() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
