"""Labels dropped on an open volume become its objects, by geometry, or are refused with the reason."""

from __future__ import annotations

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from nibabel.nifti1 import Nifti1Extension
from support.napari_window import SMALL
from support.tiny_engine import TinySession

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.geometry import Grid
from volsweep.io.sidecar import sidecar_path
from volsweep.napari.found import is_context, may_hold_labels
from volsweep.prompts import PromptSet, write_prompts
from volsweep.prompts.kinds import Box
from volsweep.volume import Label, LabelVolume

pytestmark = pytest.mark.gui


def two_labels(grid: Grid) -> LabelVolume:
    array = np.zeros(grid.shape_zyx, np.uint8)
    array[1:6, 40:50, 10:20], array[2, 5:9, 5:9] = 1, 2
    return LabelVolume(array, grid, {1: Label("Liver", "#112233"), 2: Label("Node", "#445566")})


@pytest.mark.parametrize("name", ["there.nii.gz", "there.seg.nrrd"])
def test_labels_join_the_objects_with_names_and_colours_and_undo_takes_them_back(small, tmp_path, name):
    window, controller = small, small.controller
    before = window.labels.copy()
    labels = two_labels(SMALL)
    volsweep.write_labels(tmp_path / name, labels)
    window.drop(tmp_path / name)
    window.until(lambda: 4 in controller.state.labels)
    window.idle()
    assert [controller.state.labels[v].name for v in (3, 4)] == ["Liver", "Node"]
    assert controller.state.labels[3].color == "#112233"
    np.testing.assert_array_equal(window.labels == 3, labels.array_zyx == 1)
    np.testing.assert_array_equal(window.labels == 4, labels.array_zyx == 2)
    assert len([layer for layer in window.viewer.layers if layer.name.startswith("there")]) == 0
    again = TinySession(controller.volume, device="cpu")
    list(again.replay(controller.opened.done))
    np.testing.assert_array_equal(again.labels.array_zyx, window.labels)
    controller.undo()
    window.idle()
    np.testing.assert_array_equal(window.labels, before)


def test_what_totalsegmentator_made_is_locked_context_and_one_undo(small, tmp_path):
    window, controller = small, small.controller
    before = window.labels.copy()
    labels = two_labels(SMALL)
    volsweep.write_labels(tmp_path / "total.nii.gz", labels)
    sidecar_path(tmp_path / "total.nii.gz").unlink()
    image = nibabel.load(tmp_path / "total.nii.gz")
    row = '<Label Key="{}" Red="0" Green="1" Blue="0">{}</Label>'
    rows = "".join(row.format(*one) for one in ((1, "liver"), (2, "colon")))
    table = f"<CaretExtension><LabelTable>{rows}</LabelTable></CaretExtension>"
    image.header.extensions.append(Nifti1Extension(0, table.encode()))
    nibabel.save(image, tmp_path / "named.nii.gz")
    window.drop(tmp_path / "named.nii.gz")
    window.until(lambda: 4 in controller.state.labels)
    window.idle()
    assert [controller.state.labels[v].name for v in (3, 4)] == ["liver", "colon"]
    assert all(controller.state.is_locked(v) for v in (3, 4))
    assert "2 locked objects" in window.says
    np.testing.assert_array_equal(window.labels == 3, labels.array_zyx == 1)
    controller.undo()
    window.idle()
    np.testing.assert_array_equal(window.labels, before)


def test_a_prompt_file_is_prompts_of_its_own_labels_and_one_undo(small, tmp_path):
    window, controller = small, small.controller
    before = window.labels.copy()
    box = Box(label=5, slice=4, box_xyxy=(4, 4, 9, 9))
    write_prompts(tmp_path / "prompts.json", PromptSet((box,), {5: Label("Found", "#112233")}))
    window.drop(tmp_path / "prompts.json")
    window.until(lambda: box in controller.state.prompts)
    window.idle()
    assert controller.state.labels[5].name == "Found"
    assert (window.labels == 5).any()
    assert "prompts of 1 object;" in window.says
    controller.undo()
    window.idle()
    np.testing.assert_array_equal(window.labels, before)


@pytest.mark.parametrize(("program", "context"), [("TotalSegmentator v2", True), ("Volsweep", False)])
def test_a_seg_says_what_made_it(tmp_path, program, context):
    path = tmp_path / "x.seg.dcm"
    volsweep.write_labels(path, drawn_on("ct_phantom"))
    written = pydicom.dcmread(path)
    for segment in written.SegmentSequence:
        segment.SegmentAlgorithmName = program
    written.save_as(path)
    assert is_context(path) is context


def test_labels_that_do_not_fit_are_refused_by_name(small, tmp_path):
    window = small
    volsweep.write_labels(tmp_path / "elsewhere.nii.gz", two_labels(Grid.axis_aligned(SMALL.shape_zyx, (3, 2, 2))))
    count = window.controller.opened.actions
    window.drop(tmp_path / "elsewhere.nii.gz")
    window.until(lambda: "rid" in window.says or "lie" in window.says)
    assert window.controller.opened.actions == count
    assert window.widget.message.kind == "error"


def drawn_on(which: str) -> LabelVolume:
    """Two objects on a phantom's series, the second on slices that the first is not on."""
    volume = volsweep.read_volume(sample(which).series)
    array = np.zeros(volume.shape_zyx, np.uint8)
    array[17:21, 100:120, 60:81], array[23:25, 30:36, 150:160] = 1, 2
    names = {1: Label("Tumour, left", "#12c845"), 2: Label("Node", "#4055f0")}
    return LabelVolume(array, volume.grid, names, volume.source)


@pytest.mark.long
@pytest.mark.parametrize("name", ["x.seg.dcm", "x.rtstruct.dcm"])
def test_dicom_objects_dropped_on_their_series_and_on_another(window, monkeypatch, tmp_path, name):
    controller = window.controller
    monkeypatch.setattr(controller, "make_session", TinySession)
    window.drop(sample().series)
    window.until(lambda: controller.volume is not None)
    window.idle()
    for which in ("ct_phantom", "mr_phantom"):
        (tmp_path / which).mkdir()
        volsweep.write_labels(tmp_path / which / name, drawn_on(which))
    window.drop(tmp_path / "ct_phantom" / name)
    window.until(lambda: 2 in controller.state.labels)
    window.idle()
    named = {value: (label.name, label.color) for value, label in controller.state.labels.items()}
    assert [said for said, _ in named.values()] == ["Tumour, left", "Node"]
    for (_, color), wanted in zip(named.values(), ("#12c845", "#4055f0"), strict=True):
        given, kept = (np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in (wanted, color))
        assert abs(given - kept).max() <= 2, "a SEG keeps its colours as CIELab, rounded"
    np.testing.assert_array_equal(window.labels, drawn_on("ct_phantom").array_zyx)
    table = window.widget.objects.table
    assert [table.item(row, 1).text() for row in range(2)] == ["Tumour, left", "Node"]
    window.until(lambda: table.item(0, 4).text() != "–")
    assert "became 2 objects" in window.says

    before = controller.state
    window.drop(tmp_path / "mr_phantom" / name)
    window.until(lambda: window.widget.message.kind == "error")
    window.idle()
    assert name in window.says
    assert "series" in window.says
    assert controller.state is before
    np.testing.assert_array_equal(window.labels, drawn_on("ct_phantom").array_zyx)


def test_an_image_is_no_labels(tmp_path):
    image = np.random.default_rng(0).integers(-100, 900, SMALL.shape_zyx).astype(np.int16)

    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(image), str(tmp_path / "scan.nrrd"))
    assert not may_hold_labels(tmp_path / "scan.nrrd")
    assert not may_hold_labels(tmp_path)
