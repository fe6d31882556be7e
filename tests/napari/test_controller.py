"""The controller and its layers on a `ViewerModel`, with a fake network and no screen."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

import volsweep
from volsweep.errors import EngineMemoryError
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.worker import events
from volsweep.napari.worker.tasks import Resume
from volsweep.session.actions import Stop
from volsweep.session.file import SessionFile, VolumeReference, read_session
from volsweep.session.mask_file import read_masks, write_masks
from volsweep.volume import Volume

RECTANGLE = np.array([[5, 10, 12], [5, 10, 20], [5, 18, 20], [5, 18, 12]], dtype=float)


def draw(controller, vertices=RECTANGLE, kind="rectangle") -> None:
    controller.layers.shapes.add(vertices, shape_type=kind)


def shown(controller) -> np.ndarray:
    return np.asarray(controller.layers.objects.data)


def kinds(controller) -> list[str]:
    return [a.action for a in controller.session.journal]


def test_layers_lie_on_the_volume_in_millimetres(controller, volume):
    for layer in controller.viewer.layers:
        np.testing.assert_allclose(layer.scale, volume.grid.spacing_zyx_mm)
        assert [str(u) for u in layer.units] == ["millimeter"] * 3
        assert layer.axis_labels == ("z", "y", "x")
        np.testing.assert_allclose(layer.translate, 0)
    assert [x.name for x in controller.viewer.layers] == ["CT", "Objects", "Boxes and lines", "Points"]


def test_a_drawn_box_becomes_a_prompt_and_its_mask_is_shown(controller):
    draw(controller)
    (box,) = controller.state.prompts
    assert (box.slice, box.box_xyxy, box.label) == (5, (12, 10, 20, 18), 1)
    expected = np.zeros_like(shown(controller))
    expected[5, 10:19, 12:21] = 1
    np.testing.assert_array_equal(shown(controller), expected)


def test_a_second_box_on_the_slice_replaces_the_first_on_the_screen_too(controller):
    draw(controller)
    draw(controller, RECTANGLE + np.array([0, 3, 3]))
    assert len(controller.layers.shapes.data) == len(controller.state.prompts) == 1
    controller.undo()
    np.testing.assert_allclose(controller.layers.shapes.data[0], RECTANGLE)
    controller.undo()
    assert len(controller.layers.shapes.data) == 0
    assert not shown(controller).any()


def test_clicks_are_positive_or_negative_as_the_tool_says(controller):
    controller.tools.choose("point+")
    controller.layers.points.add([4, 20, 20])
    controller.tools.choose("point-")
    controller.layers.points.add([4, 20, 22])
    assert [(p.point_xy, p.positive) for p in controller.state.prompts] == [((20, 20), True), ((22, 20), False)]
    assert shown(controller)[4, 20, 18]
    assert not shown(controller)[4, 20, 22]


def test_a_deleted_point_is_taken_back_alone(controller):
    controller.tools.choose("point+")
    controller.layers.points.add([4, 20, 20])
    controller.layers.points.add([4, 30, 30])
    controller.layers.points.selected_data = {0}
    controller.layers.points.remove_selected()
    assert [p.point_xy for p in controller.state.prompts] == [(30, 30)]
    assert not shown(controller)[4, 20, 20]
    controller.undo()
    assert len(controller.layers.points.data) == 2


def test_a_stroke_becomes_a_mask_prompt_of_this_slice_kept_verbatim(controller):
    controller.tools.choose("brush")
    controller.display.go_to(3)
    objects = controller.layers.objects
    objects.brush_size = 1
    objects.paint((3, 8, 9), 1)
    (mask,) = controller.state.prompts
    np.testing.assert_array_equal(np.argwhere(mask.to_array()), np.argwhere(shown(controller)[3]))
    assert mask.slice == 3
    assert mask.to_array().any()
    controller.undo()
    assert not shown(controller).any()


def test_a_stroke_can_not_take_voxels_of_a_locked_object(controller):
    draw(controller)
    controller.objects.lock(1, True)
    controller.objects.select(2)
    controller.tools.choose("brush")
    controller.display.go_to(5)
    controller.layers.objects.brush_size = 5
    with controller.layers.objects.block_history():  # as napari's own mouse does
        controller.layers.objects.paint((5, 14, 12), 2)
    now = shown(controller)[5]
    assert (now[10:19, 12:21] == 1).all()
    assert (now == 2).any()
    draw(controller)  # a prompt for label 2 may come; one for label 1 is refused
    controller.objects.select(1)
    before = controller.state.prompts
    draw(controller)
    assert controller.state.prompts == before
    assert len(controller.layers.shapes.data) == sum(p.kind == "box" for p in before)


def test_sweep_shows_every_slice_and_is_undone_as_one(controller, runner):
    draw(controller)
    steps = []
    controller.stepped.connect(steps.append)
    controller.sweep()
    assert {s.slice for s in steps} == set(range(12))
    assert (shown(controller)[:, 10:19, 12:21] == 1).all()
    np.testing.assert_array_equal(shown(controller), controller.session.labels.array_zyx)
    controller.undo()
    assert [int(z) for z in np.flatnonzero(shown(controller).any(axis=(1, 2)))] == [5]
    controller.redo()
    assert shown(controller).any(axis=(1, 2)).all()


def test_cancel_half_way_keeps_what_was_found(controller, runner):
    draw(controller)
    found = []
    controller.stepped.connect(lambda step: (found.append(step.slice), len(found) == 4 and controller.cancel()))
    controller.sweep()
    assert not controller.sweeping
    assert len(found) == 4
    assert sorted(found) == [int(z) for z in np.flatnonzero(shown(controller).any(axis=(1, 2)))]
    assert isinstance(list(controller.session.journal)[-1], Stop)


def test_another_object_is_prompted_while_one_is_swept(controller, runner, said):
    draw(controller)
    at = []

    def prompt_in_between(event):
        if isinstance(event, events.Stepped) and len(at) < 3:
            at.append(event.step.slice)
            if len(at) == 3:
                controller.objects.select(2)
                controller.tools.drawn(volsweep.Box(label=2, slice=2, box_xyxy=(30, 30, 36, 36)))
        if isinstance(event, events.SweepEnded):
            at.append("ended")
        if isinstance(event, events.Redrawn) and 2 in event.slices and (event.slices[2] == 2).any():
            at.append("preview")

    runner.between = prompt_in_between
    controller.sweep()
    assert at.index("preview") < at.index("ended")
    assert (shown(controller)[2, 30:37, 30:37] == 2).all()
    assert (shown(controller) == 1).any(axis=(1, 2)).all()  # the sweep went on to its end
    assert kinds(controller) == ["add_prompts", "propagate", "add_prompts"]
    controller.undo()
    assert not (shown(controller) == 2).any()
    assert (shown(controller) == 1).any(axis=(1, 2)).all()


def test_correcting_what_is_swept_stops_the_sweep_and_says_so(controller, runner, said):
    draw(controller)
    steps = []

    def correct(event):
        if isinstance(event, events.Stepped):
            steps.append(event)
            if len(steps) == 3:
                controller.tools.drawn(volsweep.Box(label=1, slice=8, box_xyxy=(30, 30, 36, 36)))

    runner.between = correct
    controller.sweep()
    assert kinds(controller) == ["add_prompts", "propagate", "stop", "add_prompts"]
    assert (shown(controller)[8, 30:37, 30:37] == 1).all()
    assert any("made way for your correction" in text for _, text in said)
    runner.between = lambda _: None
    controller.sweep()
    assert (shown(controller)[10, 30:37, 30:37] == 1).all()


def test_an_error_in_the_worker_ends_the_run_and_the_next_one_works(controller, said):
    draw(controller)
    sweeper = controller.session.engine.sweeper(Plane.AXIAL)

    def fail(index):
        if index == 8:
            raise EngineMemoryError("cpu ran out of memory; use a smaller model")

    sweeper.before_slice = fail
    controller.sweep()
    assert not controller.sweeping
    assert ("error", "Cpu ran out of memory; use a smaller model") in said
    assert shown(controller)[7].any()
    assert not shown(controller)[9].any()
    sweeper.before_slice = lambda _: None
    controller.sweep()
    assert shown(controller).any(axis=(1, 2)).all()


@pytest.mark.parametrize("error", [RuntimeError("torch said no"), MemoryError(), KeyError("defect")])
def test_no_error_whatsoever_escapes_the_worker(controller, said, error):
    draw(controller)

    def fail(index):
        raise error

    controller.session.engine.sweeper(Plane.AXIAL).before_slice = fail
    controller.sweep()
    assert not controller.sweeping
    assert said[-1][0] == "error" or said[-2][0] == "error"
    controller.undo()
    controller.undo()
    assert controller.state.prompts == ()


def test_a_removed_layer_stops_the_sweep_and_comes_back_with_the_next_tool(controller, runner, said):
    draw(controller)
    steps = []

    def remove(event):
        if isinstance(event, events.Stepped):
            steps.append(event)
            if len(steps) == 3:
                controller.viewer.layers.remove(controller.layers.objects)

    runner.between = remove
    controller.sweep()
    assert not controller.sweeping
    assert len(steps) == 3
    assert any("so the sweep stops" in text for _, text in said)
    runner.between = lambda _: None
    controller.tools.choose("box")
    assert controller.layers.objects in controller.viewer.layers
    np.testing.assert_array_equal(shown(controller), controller.session.labels.array_zyx)
    assert len(controller.layers.shapes.data) == 1
    controller.sweep()
    assert shown(controller).any(axis=(1, 2)).all()


def test_a_removed_volume_closes_the_session_and_takes_its_layers_along(controller, said):
    draw(controller)
    controller.viewer.layers.remove(controller.image)
    assert controller.volume is None
    assert list(controller.viewer.layers) == []
    controller.tools.choose("box")
    assert said[-1][1].startswith("Open a volume first")


def test_the_window_drives_screen_and_model(controller):
    controller.display.set_window(Window(40, 400, "abdomen"))
    assert tuple(controller.image.contrast_limits) == (-160, 240)
    assert controller.session.window == Window(40, 400)
    controller.image.contrast_limits = (0, 100)
    assert controller.session.window == Window(50, 100)


@pytest.mark.parametrize("plane", [Plane.CORONAL, Plane.SAGITTAL])
def test_other_planes_are_prompted_and_swept(controller, plane):
    controller.display.set_plane(plane)
    axis = controller.volume.grid.plane_axis(plane)
    assert controller.viewer.dims.order[0] == axis
    corners = np.insert(np.array([[2, 10], [2, 20], [8, 20], [8, 10]], dtype=float), axis, 15, axis=1)
    draw(controller, corners)
    (box,) = controller.state.prompts
    assert (box.plane, box.slice, box.box_xyxy) == (plane, 15, (10, 2, 20, 8))
    controller.sweep(slices=(13, 17))
    found = np.flatnonzero(shown(controller).any(axis=tuple(a for a in range(3) if a != axis)))
    assert [int(v) for v in found] == [13, 14, 15, 16, 17]
    np.testing.assert_array_equal(shown(controller), controller.session.labels.array_zyx)
    controller.display.set_plane(Plane.AXIAL)
    assert len(controller.layers.shapes.data) == 0


def test_sizes_and_marks_follow_a_sweep(controller, volume):
    sizes = []
    controller.measured.connect(sizes.append)
    draw(controller)
    controller.sweep()
    measured = sizes[-1][1]
    assert measured.voxels == 12 * 81
    assert measured.volume_ml == pytest.approx(12 * 81 * 4.0 / 1000)
    assert measured.diameters.long_mm == pytest.approx(np.hypot(9 * 1.0, 9 * 0.8), rel=0.15)
    assert set(controller.review.marks[1]) == set(range(12))
    assert controller.review.marks[1][5].prompted
    assert not any(mark.doubtful for mark in controller.review.marks[1].values())


def test_names_colours_and_visibility(controller):
    draw(controller)
    controller.objects.rename(1, name="lesion", color="#102030")
    assert controller.objects.label_of(1).name == "lesion"
    colors = controller.layers.objects.colormap.color_dict
    np.testing.assert_allclose(colors[1][:3], np.array([0x10, 0x20, 0x30]) / 255, atol=1e-6)
    controller.objects.set_hidden(1, True)
    assert controller.layers.objects.colormap.color_dict[1][3] == 0
    controller.objects.new()
    assert sorted(controller.state.labels) == [1, 2]
    assert controller.objects.label == 2
    controller.objects.delete(1)
    assert not shown(controller).any()


def test_save_writes_the_labels_on_the_volumes_grid(controller, volume, tmp_path):
    receipts = []
    controller.saved.connect(receipts.append)
    draw(controller)
    controller.sweep()
    controller.save(tmp_path / "a.nii.gz")
    again = volsweep.read_labels(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(again.array_zyx, shown(controller))
    assert again.grid.matches(volume.grid)
    assert receipts[0].voxels == {1: 12 * 81}


def test_saving_over_a_file_is_refused_with_a_reason(controller, tmp_path, said):
    draw(controller)
    (tmp_path / "a.nii.gz").write_text("something of mine")
    controller.save(tmp_path / "a.nii.gz")
    assert said[-1][0] == "error" or said[-2][0] == "error"
    assert (tmp_path / "a.nii.gz").read_text() == "something of mine"


def test_a_layer_of_another_reader_can_be_segmented(controller):
    image = controller.viewer.add_image(np.random.default_rng(0).normal(size=(6, 30, 30)), scale=(2, 1, 1), name="raw")
    controller.open(image)
    assert controller.volume.shape_zyx == (6, 30, 30)
    draw(controller, RECTANGLE)
    assert shown(controller)[5].any()
    np.testing.assert_allclose(controller.volume.grid.spacing_zyx_mm, (2, 1, 1))


def test_what_is_no_volume_is_refused_with_a_reason(controller, said):
    controller.open(Image(np.zeros((30, 30)), name="flat"))
    assert "not a 3D volume" in said[-1][1]
    assert controller.volume is None


def test_resuming_brings_back_prompts_masks_and_view(controller, volume, runner):
    draw(controller)
    controller.sweep()
    controller.objects.select(2)
    controller.tools.drawn(volsweep.Box(label=2, slice=2, box_xyxy=(30, 30, 36, 36)))
    controller.objects.rename(2, name="node", color="#102030")
    controller.objects.lock(2, True)
    controller.objects.set_hidden(1, True)
    controller.display.set_window(Window(30, 333))
    controller.display.go_to(7)
    controller.review.accept()
    before, actions = shown(controller).copy(), controller.session.journal.effective
    view = controller.view()
    image = controller.image
    controller.open(None)
    controller.open(image)
    controller.display.go_to(0)
    assert not shown(controller).any()
    controller.resume(Resume(SessionFile(volume=VolumeReference.of(volume), view=view, actions=actions)))
    np.testing.assert_array_equal(shown(controller), before)
    assert controller.session.journal.effective == actions
    assert controller.view() == view
    assert (controller.display.slice, controller.objects.label, controller.objects.hidden) == (7, 2, {1})
    assert controller.review.accepted == {2: {7}}
    assert controller.objects.label_of(2).locked
    assert controller.session.window == Window(30, 333)
    for _ in actions:
        controller.undo()
    assert not shown(controller).any()


def test_what_a_sweep_found_is_not_swept_again(controller, volume, tmp_path):
    draw(controller)
    controller.sweep()
    controller.save_session(tmp_path / "s.json")
    write_masks(tmp_path / "1.npz", controller.session.last_sweep()[1])
    before, image = shown(controller).copy(), controller.image
    controller.open(None)
    controller.open(image)

    def refuse(index):
        raise AssertionError(f"slice {index} is swept again")

    controller.session.engine.sweeper(Plane.AXIAL).before_slice = refuse
    known = {1: read_masks(tmp_path / "1.npz")}
    controller.resume(Resume(read_session(tmp_path / "s.json"), lambda: known))
    np.testing.assert_array_equal(shown(controller), before)
    controller.undo()
    assert [int(z) for z in np.flatnonzero(shown(controller).any(axis=(1, 2)))] == [5]
    controller.redo()
    np.testing.assert_array_equal(shown(controller), before)


def test_a_session_of_another_volume_is_refused_by_its_content(controller, volume, said, tmp_path):
    draw(controller)
    controller.save_session(tmp_path / "s.json")
    saved = read_session(tmp_path / "s.json")
    other = image_layer(Volume(volume.array_zyx + 1, volume.grid, "CT"), "other")
    image = controller.viewer.add_image(other[0], **other[1])
    controller.open(image)
    controller.resume(Resume(saved))
    assert any(kind == "error" and "made on another volume: its voxels" in text for kind, text in said)
    assert controller.state.prompts == ()
    draw(controller)  # the widget is usable again
    assert shown(controller).any()
