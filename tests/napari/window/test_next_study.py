"""A patient's next study in a real window: followed by the bundled network, offered, taken over, side by side."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from support.followed_patient import first_study, grid_around, imaged, six_degrees, someone

from volsweep.errors import SessionError
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.window import next_study
from volsweep.prompts.mask import Mask
from volsweep.session.actions import AddPrompts, EditLabel

pytestmark = [pytest.mark.gui, pytest.mark.long]


@pytest.fixture(scope="module")
def studies():
    """The first with an object, and the second in which it is smaller."""
    patient = someone()
    volume, labels = first_study(patient)
    later, truth = imaged(patient, grid_around(), six_degrees(), tuple(0.85 * r for r in patient.radii))
    return volume, labels, later, truth


@pytest.fixture(scope="module")
def found():
    """What following those two came to."""
    return {}


@pytest.fixture
def once(monkeypatch, found):
    """They are followed by the network once for all tests: what becomes of it in the window is asked."""
    find = next_study.find

    def known(what):
        if what.name not in found:
            found[what.name] = find(what)
        return found[what.name]

    monkeypatch.setattr(next_study, "find", known)


def drawn(window, volume, labels):
    """The window with the first study and its object."""
    layer = window.viewer.add_layer(Layer.create(*image_layer(volume, "march")))
    window.controller.open(layer)
    mask = labels.mask_zyx(3)
    for z in np.flatnonzero(mask.any(axis=(1, 2))):
        window.controller.post(AddPrompts(prompts=(Mask.from_array(mask[z], label=3, slice=int(z)),)))
    window.controller.post(EditLabel(label=3, name="GTV", color="#d55e00"))
    window.idle()
    window.until(lambda: np.array_equal(window.labels, labels.array_zyx))
    return layer


def test_objects_go_from_one_study_to_the_next(window, studies, once):
    volume, labels, later, truth = studies
    drawn(window, volume, labels)
    dialog, controller = window.widget.next_study, window.controller
    dialog.follow(later, "june")
    window.until(dialog.isVisible, 120)
    assert dialog.table.rowCount() == 1
    name = dialog.table.item(0, 0)
    assert (name.text(), name.checkState()) == ("GTV", Qt.CheckState.Checked)
    assert dialog.table.item(0, 1).text() == "found"
    offered = dialog._found.found.labels.array_zyx
    dialog.copy_table()
    assert "GTV\tfound" in QGuiApplication.clipboard().text()

    dialog.accept_button.click()
    window.idle()
    assert not dialog.isVisible()
    assert controller.volume is later
    window.until(lambda: np.array_equal(window.labels, offered))  # what was offered is what it became
    mask = window.labels == 3
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.8
    label = controller.state.labels[3]
    assert (label.name, label.color) == ("GTV", "#d55e00")
    assert label.tracking_uid.startswith("2.25.")

    earlier = dialog.earlier
    window.idle()
    assert earlier.isVisible()
    window.until(lambda: earlier.width() >= 0.8 * window.viewer.window._qt_viewer.width())  # as wide as the later one
    shown = earlier.model.layers["Earlier study"]
    assert shown.data.shape == later.shape_zyx
    inside = shown.data > shown.data.min()
    assert np.corrcoef(shown.data[inside], later.array_zyx[inside])[0, 1] > 0.8  # the same patient, the same voxels
    for index in (4, 15):
        controller.display.go_to(index)
        window.idle()
        assert earlier.model.dims.point[0] == pytest.approx(window.viewer.dims.point[0])
    window.viewer.scene.camera.zoom *= 1.5
    assert earlier.model.scene.camera.zoom == pytest.approx(window.viewer.scene.camera.zoom)

    first = next(opened.image for opened in controller.volumes if opened.volume is volume)
    controller.open(first)  # back at the first study nothing stands beside it
    window.idle()
    assert earlier._stopped
    assert not earlier.isVisible()


def test_what_is_not_ticked_is_not_drawn_and_keeps_its_place_in_the_list(window, studies, once, found):
    volume, labels, later, _ = studies
    drawn(window, volume, labels)
    dialog = window.widget.next_study
    dialog.follow(later, "june")
    window.until(dialog.isVisible, 120)
    dialog.table.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    dialog.take()
    window.idle()
    assert not window.labels.any()
    assert window.controller.state.labels[3].name == "GTV"

    # Asked for again, though no file of either study says which object is which, it is the same one.
    controller = window.controller
    for _ in range(2):
        controller.open(next(opened.image for opened in controller.volumes if opened.volume is volume))
        dialog.follow(later, "june")
        window.until(dialog.isVisible, 120)
        dialog.take()
        window.idle()
        assert {value: label.name for value, label in controller.state.labels.items()} == {3: "GTV"}
        np.testing.assert_array_equal(window.labels, found["june"].found.labels.array_zyx)


def test_what_is_no_next_study_is_told(window, studies, tmp_path):
    volume, labels, _, _ = studies
    drawn(window, volume, labels)
    (tmp_path / "x.nii.gz").write_bytes(b"nothing")
    window.widget.next_study.follow(tmp_path / "x.nii.gz", "x")
    window.until(lambda: window.widget.message.kind == "error")
    assert "x.nii.gz" in window.says
    assert not window.widget.next_study.isVisible()


def test_what_was_painted_in_the_later_study_stays_what_it_is(window, studies, once):
    volume, labels, later, _ = studies
    controller, dialog = window.controller, window.widget.next_study
    window.controller.open(window.viewer.add_layer(Layer.create(*image_layer(later, "june"))))
    own = np.zeros(later.shape_zyx[1:], bool)
    own[2:6, 2:6] = True
    controller.post(AddPrompts(prompts=(Mask.from_array(own, label=3, slice=2),)))
    controller.post(EditLabel(label=3, name="mine"))
    window.idle()
    painted = window.labels == 3
    drawn(window, volume, labels)
    dialog.follow(later, "june")
    window.until(dialog.isVisible, 120)
    dialog.take()
    assert controller.volume is later
    window.until(lambda: controller.is_idle and (window.labels == 4).any())
    assert {value: label.name for value, label in controller.state.labels.items()} == {3: "mine", 4: "GTV"}
    assert controller.objects.label == 4, "what was taken over is what is looked at"
    assert (window.labels[controller.display.slice] == 4).any()
    np.testing.assert_array_equal(window.labels == 3, painted)


def test_a_later_study_that_cannot_be_opened_changes_nothing_here(window, studies, once, monkeypatch):
    volume, labels, later, _ = studies
    drawn(window, volume, labels)
    controller, dialog = window.controller, window.widget.next_study
    dialog.follow(later, "june")
    window.until(dialog.isVisible, 120)
    actions, earlier = controller.opened.actions, dialog.earlier

    def refuse(*_, **__):
        raise SessionError("there is no room")

    monkeypatch.setattr(controller, "make_session", refuse)
    dialog.take()
    window.idle()
    assert controller.volume is volume
    assert controller.opened.actions == actions, "nothing of the later study was drawn on the earlier one"
    assert dialog.earlier is earlier, "nothing is shown beside it"
