"""Several volumes in one window: one is on the canvas, and each keeps its own session."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Layer
from qtpy.QtCore import Qt
from support.napari_fakes import draw, shown

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.geometry import Grid, Plane
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.recovery.autosave import Autosave
from volsweep.napari.recovery.unfinished import unfinished
from volsweep.napari.worker import events
from volsweep.napari.worker.tasks import Resume
from volsweep.session.file import read_session
from volsweep.volume import Volume


def add(controller, shape=(20, 30, 36), spacing=(2.0, 1.0, 1.0), name="MR") -> Image:
    grid = Grid.axis_aligned(shape, spacing)
    array = np.random.default_rng(1).integers(0, 100, shape).astype(np.int16)
    image = Layer.create(*image_layer(Volume(array, grid, "MR"), name))
    controller.viewer.layers.append(image)
    return image


def visible_images(viewer) -> list[str]:
    return [layer.name for layer in viewer.layers if isinstance(layer, Image) and layer.visible]


def test_one_volume_is_on_the_canvas(controller):
    add(controller)
    assert visible_images(controller.viewer) == ["CT"], "the second is not drawn over the first"
    controller.open(controller.viewer.layers["MR"])
    assert visible_images(controller.viewer) == ["MR"]
    assert [x.name for x in controller.viewer.layers if x.visible] == ["MR", "Objects", "Boxes and lines", "Points"]


def test_a_volume_made_visible_is_the_one_that_is_worked_on(controller):
    ct = controller.image
    controller.open(add(controller))
    ct.visible = True
    assert controller.image is ct
    assert visible_images(controller.viewer) == ["CT"]


def test_the_slice_is_the_volumes_own(controller):
    """CT: 12 slices 5 mm apart; MR: 20 slices 2 mm apart. The slider's steps are nobody else's."""
    controller.open(add(controller))
    for index in (0, 7, 19):
        controller.display.go_to(index)
        assert controller.display.slice == index
        assert controller.viewer.dims.point[0] == pytest.approx(2.0 * index)
    assert controller.viewer.dims.range[0] == (0, 38, 2)
    draw(controller, np.array([[19, 10, 12], [19, 10, 20], [19, 18, 20], [19, 18, 12]], dtype=float))
    (box,) = controller.state.prompts
    assert box.slice == 19
    assert controller.viewer.dims.range[0] == (0, 38, 2), "a prompt's layer does not stretch the slider"


def test_what_was_shown_is_there_at_once_when_a_volume_comes_back(controller, runner, monkeypatch):
    ct = controller.image
    draw(controller)
    controller.sweep(slices=(3, 8))
    before, sizes = shown(controller).copy(), controller.opened.sizes
    assert before.any()
    assert sizes[1].volume_ml > 0
    controller.open(add(controller))
    monkeypatch.setattr(runner, "run", lambda *_: None)  # a network that takes for ever to draw it again
    controller.open(ct)
    np.testing.assert_array_equal(shown(controller), before)
    assert controller.opened.sizes == sizes


def test_each_keeps_its_objects_undo_and_ticks(controller):
    ct = controller.image
    draw(controller)
    controller.sweep(slices=(3, 8))
    controller.display.go_to(4)
    controller.review.accept()
    controller.objects.rename(1, name="lesion")
    before, done = shown(controller).copy(), controller.opened.done
    mr = add(controller)
    controller.open(mr)
    assert controller.state.prompts == ()
    assert not shown(controller).any()
    controller.objects.new()
    controller.tools.drawn(volsweep.Box(label=1, slice=3, box_xyxy=(5, 5, 9, 9)))
    controller.open(ct)
    np.testing.assert_array_equal(shown(controller), before)
    assert controller.opened.done == done
    assert controller.objects.label_of(1).name == "lesion"
    assert controller.review.accepted == {1: {4}}
    assert controller.display.slice == 4
    assert len(controller.layers.shapes.data) == 1
    for _ in ("name", "tick", "sweep"):
        controller.undo()
    assert [int(z) for z in np.flatnonzero(shown(controller).any(axis=(1, 2)))] == [5]
    controller.open(mr)
    assert len(controller.state.prompts) == 1
    assert len(controller.state.labels) == 1


def test_layers_of_others_are_shown_with_the_volume_they_came_to(controller):
    ct = controller.image
    beside = controller.viewer.add_labels(np.zeros((12, 40, 48), dtype=np.uint8), name="a colleague's")
    controller.open(add(controller))
    assert not beside.visible
    controller.open(ct)
    assert beside.visible


def test_a_series_is_prompted_in_its_own_plane(controller):
    affine = np.array([[0, 0, 1, 0], [4, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], dtype=float)
    volume = Volume(np.zeros((20, 48, 40), dtype=np.int16), Grid((20, 48, 40), affine), "MR")
    image = Layer.create(*image_layer(volume, "coronal"))
    controller.viewer.layers.append(image)
    controller.open(image)
    assert controller.display.plane == Plane.CORONAL
    assert controller.display.slices == 20
    assert controller.session.plane == Plane.CORONAL


def test_unsaved_work_of_every_volume_is_kept(controller, volume, tmp_path):
    from volsweep.volume import Source

    autosave = Autosave(controller, tmp_path)
    source = Source(tmp_path / "series", "nifti")
    for name in ("one", "two"):
        grid = volume.grid
        image = Layer.create(*image_layer(Volume(volume.array_zyx, grid, "CT", source=source), name))
        controller.viewer.layers.append(image)
        controller.open(image)
        draw(controller)
    assert unfinished(tmp_path) == [], "both are worked on"
    left = []
    autosave.left.connect(lambda: left.append(True))
    controller.volumes.end_all()
    assert len(unfinished(tmp_path)) == len(left) == 2


def test_a_sweep_goes_on_while_another_volume_is_worked_on(controller, runner):
    ct, mr = controller.image, add(controller)
    draw(controller)
    steps = []

    def leave(event):
        steps.append(event)
        if len(steps) == 6:
            controller.open(mr)

    runner.between = leave
    controller.sweep()
    runner.between = lambda _: None
    assert controller.image is mr
    assert not shown(controller).any(), "nothing of the one is drawn into the other"
    controller.open(ct)
    assert shown(controller).any(axis=(1, 2)).all()


def test_the_model_that_was_chosen_last_answers_in_all(controller):
    from volsweep.models import MODELS

    ct, mr = controller.image, add(controller)
    controller.open(mr)
    spec = next(s for s in MODELS.values() if not s.bundled)
    controller.use_model(spec, "cpu")
    controller.open(ct)
    assert (controller.model, controller.device) == (spec, "cpu")
    assert (controller.session.model, controller.session.device) == (spec, "cpu")


@pytest.mark.parametrize("kind", ["labels", "session"])
def test_unsaved_is_what_differs_from_what_was_saved(controller, tmp_path, kind):
    opened = controller.opened

    def save():
        if kind == "labels":
            controller.save(tmp_path / "x.nii.gz", overwrite=True)
        else:
            controller.save_session(tmp_path / "x.json")

    draw(controller)
    assert opened.unsaved
    controller.undo()
    assert not opened.unsaved, "nothing was drawn, and nothing is"
    controller.redo()
    controller.sweep(slices=(3, 8))
    save()
    assert not opened.unsaved
    controller.undo()
    assert opened.unsaved
    controller.redo()
    assert not opened.unsaved, "it is what was saved again"
    controller.undo()
    controller.objects.rename(1, name="node")
    assert opened.unsaved, "as many actions, and others"
    save()
    assert not opened.unsaved


def test_what_was_saved_while_a_sweep_ran_is_not_all_that_it_found(controller, runner, tmp_path):
    draw(controller)

    def save(event):
        if isinstance(event, events.Stepped) and event.step.done == 3:
            controller.save(tmp_path / "x.nii.gz")

    runner.between = save
    controller.sweep(slices=(3, 8))
    saved = volsweep.read_labels(tmp_path / "x.nii.gz").array_zyx
    assert 0 < np.count_nonzero(saved) < np.count_nonzero(shown(controller))
    assert controller.opened.unsaved


def test_a_session_that_was_opened_from_its_file_is_saved_and_one_that_was_restored_is_not(controller, tmp_path):
    draw(controller)
    controller.save_session(tmp_path / "x.json")
    saved, image = read_session(tmp_path / "x.json"), controller.image
    for is_file in (True, False):
        controller.open(None)
        controller.open(image)
        controller.resume(Resume(saved, is_file=is_file))
        assert controller.state.prompts
        assert controller.opened.unsaved is not is_file


@pytest.mark.long
@pytest.mark.gui
def test_two_series_dropped_on_the_window(window, arithmetic):
    arithmetic(window)
    controller = window.controller
    window.drop(sample().series)
    window.until(lambda: controller.volume is not None)
    ct = controller.image
    controller.display.go_to(20)
    window.key(Qt.Key.Key_B)
    window.drag((20, 97, 54), (20, 127, 87))
    window.until(lambda: bool(window.labels.any()))
    window.idle()
    before = window.labels.copy()
    window.drop(sample("mr_phantom").series)
    window.until(lambda: controller.volume.modality == "MR")
    window.idle()
    assert visible_images(window.viewer) == [controller.image.name]
    assert not window.labels.any()
    combo = window.widget.volume.layer
    assert [combo.itemText(i) for i in range(combo.count())] == ["CT ct_phantom", "MR mr_phantom"]
    combo.setCurrentIndex(0)
    combo.activated.emit(0)
    window.until(lambda: controller.image is ct)
    window.until(lambda: np.array_equal(window.labels, before))
    assert controller.display.slice == 20
    assert visible_images(window.viewer) == ["CT ct_phantom"]
