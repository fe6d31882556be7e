"""Volume: which, what is known of it, its window, its plane."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QSize, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QButtonGroup, QComboBox, QFileDialog, QLineEdit, QMenu, QPushButton, QToolButton

from volsweep.errors import VolsweepError, sentence
from volsweep.geometry import Plane
from volsweep.intensity import CT_WINDOWS, Window, default_window, percentile_window
from volsweep.io.dicom.samples import sample_names, series_of_sample
from volsweep.io.formats import images_filter
from volsweep.napari.canvas.layers import is_volume
from volsweep.napari.canvas.names import tell_apart
from volsweep.napari.controller import Controller
from volsweep.napari.panels.files import remember, remembered
from volsweep.napari.panels.widgets import Section, Tool, as_typed, caption, note, number_in, plain
from volsweep.volume import Volume


class VolumePanel(Section):
    """The first step."""

    open_path = Signal(Path)
    """The user chose a folder or file to load."""
    second_wanted = Signal()
    """The user wants another series over this one."""

    def __init__(self, controller: Controller, viewer: ViewerModel) -> None:
        super().__init__("Volume")
        self._controller, self._viewer = controller, viewer
        self._quiet = False

        self.layer = QComboBox()
        self.layer.setMinimumContentsLength(8)
        self.layer.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.layer.setToolTip("The image layer to segment")
        self.layer.activated.connect(self._choose)
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip("Open a DICOM folder, a zip, or a NIfTI, NRRD or MetaImage file")
        self.open_button.setMenu(self._menu())
        self.row(self.layer, self.open_button, stretch=0)
        self.details = note("Drop a DICOM folder on the window.")
        self.body.addWidget(self.details)
        self.sample = QPushButton("Try it on a sample")
        self.sample.setToolTip("A made CT of an abdomen with a lesion in the liver; it comes with Volsweep")
        self.sample.clicked.connect(partial(self._open_sample, "ct_phantom"))
        self.body.addWidget(self.sample)

        self.preset = QComboBox()
        self.preset.setToolTip("What you see is what the model sees")
        self.preset.activated.connect(self._choose_preset)
        self.width_box, self.level_box = _number("Window width"), _number("Window level")
        for box in (self.width_box, self.level_box):
            box.editingFinished.connect(self._type_window)
        self.row(caption("Window"), self.preset, self.width_box, self.level_box, stretch=1)

        self.planes = QButtonGroup(self)
        self._of_plane: dict[Plane, QToolButton] = {}
        buttons = []
        for plane in Plane:
            button = QToolButton()
            button.setText(plane.value.capitalize())
            button.setCheckable(True)
            button.setChecked(plane == Plane.AXIAL)
            button.setToolTip(f"Prompt and sweep {plane.value} slices")
            button.clicked.connect(lambda _=False, plane=plane: controller.display.set_plane(plane))
            self.planes.addButton(button)
            self._of_plane[plane] = button
            buttons.append(button)
        tip = "Show the other two planes beside this one; the mouse moves the cross while Shift is held  (O)"
        self.beside = Tool("planes", tip, checkable=True)
        self.beside.setIconSize(QSize(15, 15))
        self.beside.setFixedWidth(30)
        layout = self.row(caption("Plane"), *buttons, self.beside)
        for i in range(1, 4):
            layout.setStretch(i, 1)
            buttons[i - 1].setSizePolicy(buttons[0].sizePolicy().Policy.Expanding, buttons[0].sizePolicy().Policy.Fixed)
        layout.setStretch(5, 0)

        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._list)
        viewer.layers.events.renamed.connect(self._list)
        controller.volume_opened.connect(self._on_volume)
        controller.display.plane_changed.connect(self._on_plane)
        self._list()
        if self._images:
            self._open(self._images[-1])

    def _menu(self) -> QMenu:
        """What can be opened."""
        menu = QMenu(self.open_button)
        menu.addAction("DICOM folder…", self._ask_folder)
        menu.addAction("File…", self._ask_file)
        menu.addAction("Session…", self._ask_session)
        menu.addAction("A second series over this one…", self.second_wanted.emit)
        menu.addSeparator()
        for name in sample_names():
            menu.addAction(f"Sample: {name.replace('_', ' ')}", partial(self._open_sample, name))
        return menu

    def paint_with(self, color: str, on_accent: str) -> None:
        """Draw the icon in the theme's colour."""
        self.beside.paint_with(on_accent if self.beside.isChecked() else color)

    def stop(self) -> None:
        """Listen no more."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.layers.events.removed.disconnect(self._list)
        self._viewer.layers.events.renamed.disconnect(self._list)

    def _list(self) -> None:
        self._images = [layer for layer in self._viewer.layers if is_volume(layer)]
        self.layer.clear()
        self.layer.addItems([layer.name for layer in self._images] or ["no volume"])
        self.layer.setEnabled(bool(self._images))
        current = self._controller.image
        if current in self._images:
            self.layer.setCurrentIndex(self._images.index(current))

    def _on_inserted(self, event: Any) -> None:
        tell_apart(self._viewer.layers)
        self._list()
        if is_volume(event.value):
            self._open(event.value)

    def _open(self, image: Image) -> None:
        """What was opened last is what is worked on; the others wait in the list, with their work."""
        self._controller.open(image)
        # napari makes the new layer the active one after this; the tool draws on another.
        QTimer.singleShot(0, self, self._take_tool)

    def _on_plane(self) -> None:
        self._of_plane[self._controller.display.plane].setChecked(True)

    def _take_tool(self) -> None:
        if self._controller.volume is not None:
            self._controller.tools.choose(self._controller.tools.tool)

    def _choose(self, index: int) -> None:
        if 0 <= index < len(self._images):
            self._open(self._images[index])
            self._list()  # where it was refused, the one that is worked on stands there again

    def _ask_folder(self) -> None:
        self._opened(QFileDialog.getExistingDirectory(self, "Open a DICOM folder", self._folder))

    def _ask_file(self) -> None:
        self._opened(QFileDialog.getOpenFileName(self, "Open a volume", self._folder, images_filter())[0])

    def _ask_session(self) -> None:
        self._opened(QFileDialog.getOpenFileName(self, "Open a session", self._folder, "Sessions (*.json)")[0])

    def _open_sample(self, name: str) -> None:
        self.open_path.emit(series_of_sample(name))

    @property
    def _folder(self) -> str:
        return str(remembered("open", Path.home()))

    def _opened(self, path: str) -> None:
        if path:
            remember("open", Path(path).parent)
            self.open_path.emit(Path(path))

    def _on_volume(self) -> None:
        volume, image = self._controller.volume, self._controller.image
        for widget in (self.preset, self.width_box, self.level_box, *self.planes.buttons()):
            widget.setEnabled(volume is not None)
        if volume is None or image is None:
            self.details.setText("Drop a DICOM folder on the window.")
            self.details.setToolTip("")
            self.sample.show()
            return
        self.sample.hide()
        if image in self._images:
            self.layer.setCurrentIndex(self._images.index(image))
        plain(self.details, describe(volume))
        self.details.setToolTip(as_typed("\n".join(volume.warnings)))
        self._presets = {"from the series" if volume.window_center_width else "auto": default_window(volume)}
        if volume.modality in ("CT", ""):
            self._presets |= {w.name: w for w in CT_WINDOWS.values()}
        self._presets["percentile"] = percentile_window(volume)
        self.preset.clear()
        self.preset.addItems([name.capitalize() for name in self._presets] + ["Own"])
        image.events.contrast_limits.connect(self._show_window)
        self._show_window()

    def _show_window(self) -> None:
        window = self._controller.display.window
        if window is None:
            return
        self._quiet = True
        self.width_box.setText(f"{window.width:.6g}")
        self.level_box.setText(f"{window.center:.6g}")
        self._quiet = False
        names = list(self._presets)
        same = [i for i, w in enumerate(self._presets.values()) if _alike(w, window)]
        at = self.preset.currentIndex()
        self.preset.setCurrentIndex(at if at in same else (same[0] if same else len(names)))

    def _choose_preset(self, index: int) -> None:
        windows = list(self._presets.values())
        if index < len(windows):
            self._controller.display.set_window(windows[index])

    def _type_window(self) -> None:
        if self._quiet or self._controller.volume is None:
            return
        try:
            window = Window(number_in(self.level_box.text()), number_in(self.width_box.text()))
            self._controller.display.set_window(window)
        except VolsweepError as error:
            self._controller.say(sentence(str(error)), "error")
        self._show_window()  # what was understood, or what still holds


def describe(volume: Volume) -> str:
    """One line on a volume: modality, size, spacing, and whether its slices are straight."""
    z, y, x = volume.shape_zyx
    dz, dy, dx = volume.grid.spacing_zyx_mm
    in_plane = f"{dy:.2f} × {dx:.2f}" if abs(dy - dx) > 5e-3 else f"{dx:.2f}"
    parts = [volume.modality or "volume", f"{z} × {y} × {x}", f"{in_plane} mm, {dz:.2f} mm apart"]
    if volume.grid.shear_degrees > 0.5:
        parts.append(f"tilted {volume.grid.shear_degrees:.0f}°")
    elif abs(volume.grid.affine[:3, :3] / volume.grid.spacing_zyx_mm).max(axis=0).min() < 0.9999:
        parts.append("oblique")
    if not volume.grid.is_regular:
        parts.append("uneven slices")
    return " · ".join(parts)


def _alike(a: Window, b: Window) -> bool:
    return abs(a.center - b.center) < 0.02 * max(1.0, a.width) ** 0.5 and abs(a.width - b.width) < 0.02 * a.width


def _number(tip: str) -> QLineEdit:
    box = QLineEdit()
    box.setToolTip(tip)
    box.setFixedWidth(54)
    return box
