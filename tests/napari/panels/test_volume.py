"""The volume's section: what is known of it in a line, its windows and planes, and which of several is worked on."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer

from volsweep.geometry import Grid, Plane
from volsweep.intensity import CT_WINDOWS, Window
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.panels.volume import VolumePanel, describe
from volsweep.volume import Volume


@pytest.fixture
def panel(qapp, controller) -> VolumePanel:
    controller.open(None)
    return VolumePanel(controller, controller.viewer)  # which opens what lies in the viewer


def volume_of(grid: Grid, modality: str = "CT") -> Volume:
    return Volume(np.zeros(grid.shape_zyx, np.int16), grid, modality)


def turned(degrees: float, *, sheared: bool = False) -> Grid:
    affine = Grid.axis_aligned((5, 6, 7), (3, 1, 1)).affine.copy()
    sin, cos = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    if sheared:  # the slices are moved sideways: what joins them is aslant to them
        affine[:3, 0] = [0, 3 * sin, 3 * cos]
    else:
        turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
        affine[:3, :3] = turn @ affine[:3, :3]
    return Grid((5, 6, 7), affine)


@pytest.mark.parametrize(
    ("volume", "line"),
    [
        (volume_of(Grid.axis_aligned((5, 6, 7), (3, 1, 1))), "CT · 5 × 6 × 7 · 1.00 mm, 3.00 mm apart"),
        (volume_of(Grid.axis_aligned((5, 6, 7), (3, 1, 0.8)), "MR"), "MR · 5 × 6 × 7 · 1.00 × 0.80 mm, 3.00 mm apart"),
        (volume_of(Grid.axis_aligned((5, 6, 7)), ""), "volume · 5 × 6 × 7 · 1.00 mm, 1.00 mm apart"),
        (volume_of(turned(20)), "CT · 5 × 6 × 7 · 1.00 mm, 3.00 mm apart · oblique"),
        (volume_of(turned(20, sheared=True)), "CT · 5 × 6 × 7 · 1.00 mm, 3.00 mm apart · tilted 20°"),
    ],
)
def test_a_volume_in_a_line(volume, line):
    assert describe(volume) == line


def test_uneven_slices_are_told():
    even = Grid.axis_aligned((4, 6, 7), (3, 1, 1))
    origins = np.zeros((4, 3))
    origins[:, 2] = [0, 3, 6, 12]
    assert describe(volume_of(Grid(even.shape_zyx, even.affine, origins))).endswith("uneven slices")


def test_a_preset_is_the_window_of_its_name(panel, controller):
    names = [panel.preset.itemText(i) for i in range(panel.preset.count())]
    lung = next(i for i, name in enumerate(names) if name.lower() == "lung")
    panel.preset.setCurrentIndex(lung)
    panel.preset.activated.emit(lung)
    window = controller.display.window
    assert (window.center, window.width) == (CT_WINDOWS["lung"].center, CT_WINDOWS["lung"].width)
    assert (float(panel.width_box.text()), float(panel.level_box.text())) == (window.width, window.center)


def test_a_window_that_is_typed_is_shown_and_called_ones_own(panel, controller):
    panel.width_box.setText("123")
    panel.level_box.setText("45")
    panel.level_box.editingFinished.emit()
    assert controller.display.window == Window(45, 123)
    assert panel.preset.currentText() == "Own"


@pytest.mark.parametrize(("width", "words"), [("0", "width"), ("wide", "wide")])
def test_what_is_no_window_is_said_and_the_fields_show_what_holds(panel, controller, said, width, words):
    before = controller.display.window
    panel.width_box.setText(width)
    panel.width_box.editingFinished.emit()
    assert controller.display.window == before
    kind, text = said[-1]
    assert kind == "error"
    assert words in text
    assert float(panel.width_box.text()) == pytest.approx(before.width, rel=1e-5)


def test_planes_are_turned_to_and_shown(panel, controller):
    buttons = {button.text(): button for button in panel.planes.buttons()}
    buttons["Coronal"].click()
    assert controller.display.plane == Plane.CORONAL
    controller.display.set_plane(Plane.SAGITTAL)
    assert buttons["Sagittal"].isChecked()


def test_the_newest_volume_is_worked_on_and_another_can_be_chosen(panel, controller, volume):
    first = controller.image
    second = Layer.create(*image_layer(Volume(volume.array_zyx, volume.grid, "MR"), "MR"))
    controller.viewer.layers.append(second)
    assert controller.image is second
    assert panel.details.text().startswith("MR")
    names = [panel.layer.itemText(i) for i in range(panel.layer.count())]
    assert names == [first.name, second.name]
    panel.layer.setCurrentIndex(0)
    panel.layer.activated.emit(0)
    assert controller.image is first
    assert panel.details.text().startswith("CT")
    panel.stop()


def test_with_nothing_open_a_sample_is_offered(panel, controller):
    assert panel.sample.isHidden()
    asked = []
    panel.open_path.connect(asked.append)
    controller.open(None)
    assert not panel.sample.isHidden()
    assert not panel.preset.isEnabled()
    panel.sample.click()
    assert [path.name for path in asked] == ["ct_phantom"]


def test_a_layer_that_is_renamed_is_called_so_in_the_list(panel, controller):
    image = controller.image
    assert panel.layer.currentText() == image.name
    image.name = "case 7"
    assert [panel.layer.itemText(i) for i in range(panel.layer.count())] == ["case 7"]
    assert panel.layer.currentText() == "case 7"
    panel.stop()
    image.name = "afterwards"
    assert panel.layer.currentText() == "case 7"
