"""Undo and redo, as the window feels them: processor time of its own thread, and of the worker beside it.

The window's model without a screen: what drawing costs beyond that is the graphics card's.

python benchmarks/undo.py
python benchmarks/undo.py --times 200
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Layer
from scene import print_table, save

from volsweep.cases.phantoms import sample
from volsweep.napari.contributions.reader import read
from volsweep.napari.controller import Controller
from volsweep.napari.worker.events import Event
from volsweep.napari.worker.tasks import Work
from volsweep.prompts.kinds import Box


class Clocked:
    """Does the work at once, and clocks the window's part and the worker's apart."""

    def __init__(self) -> None:
        self.window_s = self.worker_s = 0.0

    def run(self, work: Work, handle: Callable[[Event], None], done: Callable[[], None]) -> None:
        """As a thread would, one event after the other."""
        started = time.process_time()
        for event in work():
            worked = time.process_time()
            handle(event)
            self.worker_s += worked - started
            started = time.process_time()
            self.window_s += started - worked
        done()


def main() -> None:
    """Draw boxes of three objects on the CT phantom, take all back, and do all again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=60)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    clocked = Clocked()
    controller = Controller(ViewerModel(), clocked)
    image = Layer.create(*read(str(sample().series))[0])
    controller.viewer.layers.append(image)
    controller.open(image)
    for i in range(arguments.times):
        box = (55 + i % 5, 98, 86, 126)
        controller.tools.drawn(Box(label=1 + i % 3, slice=2 + i // 3 % 36, box_xyxy=box))
    rows, results = [], {}
    for name, step in (("undo", controller.undo), ("redo", controller.redo)):
        clocked.window_s = clocked.worker_s = 0.0
        for _ in range(arguments.times):
            step()
        rows.append([f"{arguments.times} x {name}", clocked.window_s, clocked.worker_s])
        results[name] = {"window_s": clocked.window_s, "worker_s": clocked.worker_s}
    print_table(["", "window (s of CPU)", "worker (s of CPU)"], rows)
    save(results, arguments.json)


if __name__ == "__main__":
    main()
