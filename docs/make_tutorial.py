"""Remakes the tutorial's pictures: works a real window with mouse and keys, as its text says, on a CT of a patient.

QT_API=pyside6 python docs/make_tutorial.py        # needs a screen, or xvfb-run -s "-screen 0 1920x1080x24"

The series is sarcoma_sts025/CT of the cases (VOLSWEEP_CASES, or ../shared/cases): a tumour of the calf with an
expert's contour beside it (TCIA Soft-tissue-Sarcoma, CC BY 3.0).
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_API", "pyside6")
HERE = Path(__file__).resolve().parent
PICTURES = HERE / "images" / "tutorial"
CASES = Path(os.environ.get("VOLSWEEP_CASES", HERE.parents[1] / "shared" / "cases")).absolute()
SERIES = CASES / "dicom" / "sarcoma_sts025" / "CT"
EXPERT = SERIES / "mask" / "RS.dcm"
sys.path.insert(0, str(HERE.parent / "tests"))

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from support.napari_window import Window

SIZE = (1280, 800)
SLICE = 22
TUMOUR = ((SLICE, 51, 50), (SLICE, 86, 98))
FIBULA = (SLICE, 40, 40)
TIBIA = ((SLICE, 0, 48), (SLICE, 28, 78))
CONTROL = Qt.KeyboardModifier.ControlModifier


def main() -> None:
    """Take every picture."""
    if not SERIES.is_dir():
        raise SystemExit(f"{SERIES} is not there; say where the cases are with VOLSWEEP_CASES")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VOLSWEEP_DATA"] = folder
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")
        window = Window(SIZE)
        window.main.move(0, 0)
        _shoot(window, "01-empty")
        _open(window)
        _tumour(window)
        _look(window)
        _correct(window)
        _others(window)
        _measure(window)
        _compare(window)
        _save(window, Path(folder))
        _sizes(window)
        window.close()


def _open(window: Window) -> None:
    window.drop(SERIES)
    window.until(lambda: window.controller.volume is not None)
    window.until(lambda: "RS.dcm" in window.says)
    window.controller.display.go_to(SLICE)
    window.key(Qt.Key.Key_2)  # the mediastinal window shows soft tissue
    window.idle()
    _shoot(window, "02-volume")


def _tumour(window: Window) -> None:
    controller, widget = window.controller, window.widget
    window.key(Qt.Key.Key_B)
    window.drag(*TUMOUR)
    window.until(lambda: bool(window.labels[SLICE].any()))
    controller.objects.rename(1, name="tumour")
    window.idle()
    _shoot(window, "03-box")
    seen: list[int] = []

    def halfway(_: object) -> None:
        seen.append(1)
        if len(seen) == 8:
            _shoot(window, "04-sweeping", wait=False)

    window.on("stepped", halfway)
    window.key(Qt.Key.Key_S)
    window.until(lambda: controller.sweeping)
    window.until(lambda: not controller.sweeping, 120)
    window.idle()
    window.clear_listeners()
    widget.message.say("", "info")
    _shoot(window, "05-swept")


def _look(window: Window) -> None:
    """The other planes, and told ends."""
    window.key(Qt.Key.Key_O)
    window.wait(1.0)
    _shoot(window, "06-planes")
    window.key(Qt.Key.Key_O)
    window.wait(0.5)


def _correct(window: Window) -> None:
    controller = window.controller
    index = SLICE + 3
    controller.display.go_to(index)
    window.wait(0.3)
    window.key(Qt.Key.Key_C, Qt.KeyboardModifier.ShiftModifier)
    inside = np.argwhere(window.labels[index] == 1)
    left = inside[:, 1].min()
    # Along the upper left edge, where muscle was taken for tumour.
    edge = [inside[inside[:, 1] == column][0] for column in (left + 3, left + 8, left + 14)]
    window.drag(*((index, row + 1, column) for row, column in edge))
    window.until(lambda: any(p.slice == index for p in controller.state.prompts))
    window.idle()
    window.key(Qt.Key.Key_A)
    _shoot(window, "07-corrected")


def _others(window: Window) -> None:
    """Two more objects: a click, and a box; swept together."""
    controller = window.controller
    controller.display.go_to(SLICE)
    for name in ("fibula", "tibia"):
        controller.objects.new()
        window.idle()
        controller.objects.rename(controller.objects.label, name=name)
        if name == "fibula":
            window.key(Qt.Key.Key_P)
            window.click(FIBULA)
        else:
            window.key(Qt.Key.Key_B)
            window.drag(*TIBIA)
        window.until(lambda: any(p.label == controller.objects.label for p in controller.state.prompts))
        window.idle()
    window.key(Qt.Key.Key_S)
    window.until(lambda: controller.sweeping)
    window.until(lambda: not controller.sweeping, 120)
    window.idle()
    window.wait(0.5)
    _shoot(window, "08-three")


def _measure(window: Window) -> None:
    window.key(Qt.Key.Key_T)
    window.key(Qt.Key.Key_U)
    window.drag((SLICE, 68, 52), (SLICE, 68, 96))
    window.key(Qt.Key.Key_J)
    window.drag((SLICE, 13, 63), (SLICE, 40, 40))
    window.drag((SLICE, 40, 40), (SLICE, 80, 74))
    _shoot(window, "09-measured")
    window.key(Qt.Key.Key_T)


def _compare(window: Window) -> None:
    """Against the expert's contour, which lies beside the series."""
    dialog = window.widget.comparison
    dialog.compare(EXPERT)
    window.until(dialog.isVisible, 60)
    dialog.resize(520, 210)
    dialog.move(window.main.pos().x() + 320, window.main.pos().y() + 470)
    _shoot(window, "10-compared")
    dialog.close()


def _save(window: Window, folder: Path) -> None:
    save = window.widget.save
    for name in ("calf.rtstruct.dcm", "calf.seg.dcm"):
        save.receipt.hide()
        save.write(folder / name)
        window.until(save.receipt.isVisible, 60)
        window.idle()
    window.widget.objects.write_table(folder / "calf.csv")
    print((folder / "calf.csv").read_text(encoding="utf-8"))
    window.wait(0.3)
    _shoot(window, "11-saved")


def _sizes(window: Window) -> None:
    """A small screen, and a large one in the light theme."""
    window.main.resize(1366, 768)
    window.wait(0.5)
    window.viewer.reset_view()
    _shoot(window, "12-small-1366")
    window.viewer.theme = "light"
    window.main.resize(1920, 1080)
    window.wait(0.5)
    window.viewer.reset_view()
    _shoot(window, "13-light-1920")


def _shoot(window: Window, name: str, *, wait: bool = True) -> None:
    if wait:
        window.wait(0.4)
    main = window.main
    # What floats over the window is in the picture, too.
    picture = QApplication.primaryScreen().grabWindow(0, main.x(), main.y(), main.width(), main.height())
    picture.save(str(PICTURES / f"{name}.png"))


if __name__ == "__main__":
    main()
