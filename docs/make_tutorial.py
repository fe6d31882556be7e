"""Remakes the tutorial's pictures: works a real window with mouse and keys, as its text says.

QT_API=pyside6 python docs/make_tutorial.py        # needs a screen, or xvfb-run -s "-screen 0 1920x1080x24"
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_API", "pyside6")
HERE = Path(__file__).resolve().parent
PICTURES = HERE / "images" / "tutorial"
sys.path.insert(0, str(HERE.parent / "tests"))

import numpy as np
from qtpy.QtCore import Qt
from support.napari_window import Window

from volsweep.cases.phantoms import sample


def main() -> None:
    """Take every picture."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VOLSWEEP_DATA"] = folder
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")
        window = Window((1280, 800))
        _work(window, Path(folder))
        window.viewer.theme = "light"
        window.main.resize(1920, 1080)
        window.wait(0.5)
        window.viewer.reset_view()
        _shoot(window, "8-light-1920")
        window.close()


def _work(window: Window, folder: Path) -> None:
    controller, widget = window.controller, window.widget
    _shoot(window, "1-empty")
    window.drop(sample().series)
    window.until(lambda: controller.volume is not None)
    controller.display.go_to(20)
    index = widget.volume.preset.findText("Liver")
    widget.volume.preset.setCurrentIndex(index)
    widget.volume.preset.activated.emit(index)
    window.idle()
    _shoot(window, "2-volume")
    window.key(Qt.Key.Key_B)
    window.drag((20, 97, 54), (20, 127, 87))
    window.until(lambda: bool(window.labels[20].any()))
    controller.objects.rename(1, name="lesion")
    window.idle()
    _shoot(window, "3-box")
    seen: list[int] = []

    def halfway(_: object) -> None:
        seen.append(1)
        if len(seen) == 8:
            _shoot(window, "4-sweeping", wait=False)

    widget.sweep.first.setValue(14)
    widget.sweep.last.setValue(27)
    window.on("stepped", halfway)
    window.key(Qt.Key.Key_S)
    window.until(lambda: controller.sweeping)
    window.until(lambda: not controller.sweeping)
    window.idle()
    window.clear_listeners()
    _shoot(window, "5-swept")
    window.key(Qt.Key.Key_O)
    window.wait(1.0)
    _shoot(window, "5-planes")
    window.key(Qt.Key.Key_O)
    window.wait(0.5)
    last = int(np.flatnonzero((window.labels == 1).any(axis=(1, 2)))[-1])
    controller.display.go_to(last)
    window.wait(0.3)
    window.key(Qt.Key.Key_M)
    inside = np.argwhere(window.labels[last] == 1)
    # Somewhat within the right edge, as where too much was taken.
    row, column = inside[inside[:, 1].argmax()]
    window.click((last, row, column - 2))
    window.until(lambda: any(p.slice == last for p in controller.state.prompts))
    window.idle()
    window.key(Qt.Key.Key_A)
    _shoot(window, "6-corrected")
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    window.idle()
    controller.display.go_to(20)
    controller.objects.new()
    window.idle()
    controller.objects.rename(2, name="kidney")
    window.key(Qt.Key.Key_B)
    window.drag((20, 148, 164), (20, 178, 193))
    window.idle()
    controller.objects.lock(1, True)
    window.idle()
    widget.save.write(folder / "lesion.nii.gz")
    window.until(widget.save.receipt.isVisible)
    window.idle()
    _shoot(window, "7-saved")


def _shoot(window: Window, name: str, *, wait: bool = True) -> None:
    if wait:
        window.wait(0.4)
    picture = window.main.grab()
    picture.save(str(PICTURES / f"{name}.png"))


if __name__ == "__main__":
    main()
