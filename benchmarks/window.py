"""The plugin's window, as its user waits for it: start, click to drawn mask, freezes while it sweeps, memory.

QT_API=pyside6 python benchmarks/window.py                   # needs a screen, or xvfb-run -s "-screen 0 1600x1000x24"
QT_API=pyside6 python benchmarks/window.py --series FOLDER --openings 20

Processor time says what is done, whatever else runs on the machine; what the clock says is right on an idle one alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from scene import print_table, rest, save

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
_HELD_S = 0.08
"""For so long a finger keeps the button down."""
CASES = Path(os.environ.get("VOLSWEEP_CASES", HERE.parents[1] / "shared" / "cases")).absolute()


def main() -> None:
    """Start, open, click, sweep, and open again and again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=Path, default=CASES / "dicom" / "sarcoma_sts025" / "CT")
    parser.add_argument("--slice", type=int, default=22)
    parser.add_argument("--box", type=int, nargs=4, default=(50, 51, 98, 86), metavar=("X0", "Y0", "X1", "Y1"))
    parser.add_argument("--clicks", type=int, default=15)
    parser.add_argument("--openings", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("QT_API", "pyside6")
        os.environ["VOLSWEEP_DATA"] = folder
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")
        results = _measure(arguments)
    print_table(["", "measured"], [[name, value] for name, value in results.items()])
    save(results, arguments.json)


def _measure(arguments: argparse.Namespace) -> dict[str, float]:
    from support.napari_window import Window

    window = Window((1600, 1000))
    results = {"start to the docked window (s of CPU)": time.process_time()}
    began = time.process_time(), time.perf_counter()
    window.drop(arguments.series)
    window.until(lambda: window.controller.volume is not None, 120)
    results["open a series (s of CPU)"] = time.process_time() - began[0]
    results["open a series (s)"] = time.perf_counter() - began[1]
    window.controller.display.go_to(arguments.slice)
    rest(window, 1.0)
    results |= _clicks(window, arguments)
    results |= _sweep(window)
    if arguments.openings > 2:
        results |= _openings(window, arguments)
    window.close()
    return results


def _clicks(window: Any, arguments: argparse.Namespace) -> dict[str, float]:
    """From the mouse's press to the frame that shows the mask, for a box and for the clicks that correct it.

    The mouse has come and rests by then: what its move costs is a figure of its own. A frame is the whole window's.
    """
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest
    from support.mouse import move_mouse

    x0, y0, x1, y1 = arguments.box
    index, native = arguments.slice, window.canvas.native
    masks: list[int] = []
    frames: list[float] = []
    painted: list[int] = []
    window.on("redrawn", lambda _: masks.append(1))
    native.frameSwapped.connect(lambda: painted.append(1))
    native.frameSwapped.connect(lambda: masks and frames.append(time.perf_counter()))
    window.key(Qt.Key.Key_B)
    began = time.perf_counter()
    window.drag((index, y0, x0), (index, y1, x1))
    window.until(lambda: bool(window.labels[index].any()), 60)
    first = time.perf_counter() - began
    window.idle()
    figures: dict[str, list[float]] = {}
    middle = ((y0 + y1) / 2, (x0 + x1) / 2)
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for i in range(2 * arguments.clicks):
        held = i >= arguments.clicks
        window.key(Qt.Key.Key_P if i % 2 == 0 else Qt.Key.Key_M)
        where = (index, middle[0] + (i % 5 - 2) * 3, middle[1] + (i % 3 - 1) * 4 + (0 if i % 2 == 0 else 24))
        rest(window, 0.2)  # frames of what is said when all is measured are no part of a click, nor of a move
        painted.clear()
        moved = Spent()
        move_mouse(native, window.pixel(where))
        rest(window, 0.3)
        if not held:
            moved.into(figures, "a move of the mouse")
            figures.setdefault("a move of the mouse: frames", []).append(len(painted))
        for seen in (masks, frames, painted):
            seen.clear()
        spent, began = Spent(), time.perf_counter()
        QTest.mousePress(native, left, none, window.pixel(where))
        if held:
            _live_for(_HELD_S)
            began = time.perf_counter()
        QTest.mouseRelease(native, left, none, window.pixel(where))
        _live_until(native.frameSwapped, lambda: bool(frames))
        waited = 1000 * (frames[0] - began)
        if held:
            figures.setdefault("held as by a finger", []).append(waited)
        else:
            figures.setdefault("wait", []).append(waited)
            spent.into(figures, "click to drawn mask")
            figures.setdefault("click to drawn mask: frames", []).append(len(painted))
        window.idle()
    window.clear_listeners()
    median = {name: statistics.median(each) for name, each in figures.items()}
    return {
        "first box to its mask, network loaded (s)": first,
        "click to drawn mask, median (ms)": median.pop("wait"),
        "click to drawn mask, longest (ms)": max(figures["wait"]),
        f"from letting go, held for {1000 * _HELD_S:.0f} ms as by a finger (ms)": median.pop("held as by a finger"),
        **median,
    }


def _live_until(signal: Any, what: Callable[[], bool]) -> None:
    """Let the window live as napari does, until something is so when a signal comes.

    The windows of tests look for what there is to do and sleep for 5 ms in turn: that is no part of a click.
    """
    from qtpy.QtCore import QEventLoop, QTimer

    loop, guard = QEventLoop(), QTimer()
    guard.setSingleShot(True)
    guard.timeout.connect(loop.quit)
    guard.start(30_000)
    connection = signal.connect(lambda: what() and loop.quit())
    if not what():
        loop.exec()
    signal.disconnect(connection)
    if not what():
        raise SystemExit("waited 30 s in vain")


def _live_for(seconds: float) -> None:
    """Let the window live as napari does for a while."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


class Spent:
    """What was spent since it was made."""

    def __init__(self) -> None:
        self._all, self._own, self._mesa = time.process_time(), time.thread_time(), _painting_ms()

    def into(self, figures: dict[str, list[float]], name: str) -> None:
        """Note it: processor time in ms of all threads, of the window's own, and of those that paint."""
        for which, spent in (
            ("processor time of all threads (ms)", 1000 * (time.process_time() - self._all)),
            ("of these the window's thread (ms)", 1000 * (time.thread_time() - self._own)),
            ("of these Mesa, which paints where no graphics card does (ms)", _painting_ms() - self._mesa),
        ):
            figures.setdefault(f"{name}: {which}", []).append(spent)


def _painting_ms() -> float:
    """Processor time of the threads that paint in place of a graphics card, until now; 0 where none does."""
    spent = 0.0
    for thread in Path("/proc/self/task").glob("*"):
        with suppress(OSError):  # it has ended
            if (thread / "comm").read_text().startswith("llvmpipe"):
                spent += int((thread / "schedstat").read_text().split()[0]) / 1e6
    return spent


def _sweep(window: Any) -> dict[str, float]:
    from support.napari_window import stalls

    controller = window.controller
    with stalls() as gaps, stalls(clock=time.thread_time) as busy:
        controller.sweep(patience=0)
        window.until(lambda: controller.sweeping, 30)
        began = time.perf_counter()
        while controller.sweeping:
            controller.display.go_to((controller.display.slice + 1) % controller.display.slices)
            rest(window, 0.03)
        took = time.perf_counter() - began
    window.idle()
    return {
        "sweep of all slices, scrolled meanwhile (s)": took,
        "longest freeze meanwhile (ms)": 1000 * max(gaps),
        "longest work of the window's thread in one go (ms of CPU)": 1000 * max(busy),
    }


def _openings(window: Any, arguments: argparse.Namespace) -> dict[str, float]:
    """Resident memory after the first openings, and after all."""
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    process, sizes = psutil.Process(), []
    for _ in range(arguments.openings):
        window.clear()
        window.drop(arguments.series)
        window.until(lambda: window.controller.volume is not None, 120)
        window.idle()
        rest(window, 1.3)
        # Widgets of closed volumes go when an event loop next rests; this program, unlike napari, never runs one.
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        rest(window, 0.1)
        sizes.append(process.memory_info().rss / 2**20)
    early = statistics.median(sizes[2:5])
    return {
        "memory after three openings (MiB)": early,
        f"memory after {arguments.openings} (MiB)": statistics.median(sizes[-3:]),
    }


if __name__ == "__main__":
    main()
