"""Saving: asked before anything is replaced, once the name is known; DICOM by its name; the folder again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox
from support.napari_window import paint

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.defaults import Defaults, write_defaults
from volsweep.io import read_objects
from volsweep.io.labels_write import Receipt

pytestmark = pytest.mark.gui


@pytest.fixture
def asked(monkeypatch):
    """Questions that were asked; `answer` is what is pressed."""

    class Asked(list):
        answer = QMessageBox.StandardButton.No

    asked = Asked()

    def question(parent, title, text, *_):
        asked.append(text)
        return asked.answer

    monkeypatch.setattr(QMessageBox, "question", question)
    return asked


@pytest.fixture(scope="module")
def phantom(shared_window):
    """What is open where the phantom is."""
    yield []
    shared_window.clear()


@pytest.fixture
def drawn(shared_window, phantom):
    """The phantom with a painted object, opened once: what is saved of it changes nothing in it."""
    window = shared_window
    if phantom and window.controller.opened is phantom[0]:
        return window
    window.clear()
    window.drop(sample().series)
    window.until(lambda: window.controller.volume is not None)
    mask = np.zeros((256, 256), dtype=bool)
    mask[100:120, 60:80] = True
    window.controller.tools.painted(mask, 20)
    window.until(lambda: bool(window.labels.any()))
    window.idle()
    phantom[:] = [window.controller.opened]
    return window


@pytest.fixture(autouse=True)
def nothing_saved(shared_window):
    """No receipt of a test before."""
    shared_window.widget.save.receipt.setVisible(False)


def saved(window) -> bool:
    window.idle()
    window.idle()
    return window.widget.save.receipt.isVisible()


def choose(monkeypatch, path: Path, kind: str = "NIfTI (*.nii.gz *.nii)") -> list:
    """Choose a path in the file dialog; returns how it was called."""
    calls = []

    def dialog(parent, title, suggested, kinds, **options):
        calls.append((suggested, kinds, options))
        return str(path), kind

    monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
    return calls


def test_a_name_that_gets_its_ending_does_not_replace_unasked(drawn, asked, monkeypatch, tmp_path):
    mine = tmp_path / "lesion.nii.gz"
    mine.write_text("something of mine")
    choose(monkeypatch, tmp_path / "lesion")
    drawn.widget.save.save.click()
    assert not saved(drawn)
    assert mine.read_text() == "something of mine"
    assert len(asked) == 1
    assert "lesion.nii.gz" in asked[0]
    asked.answer = QMessageBox.StandardButton.Yes
    drawn.widget.save.save.click()
    assert saved(drawn)
    assert (volsweep.read_labels(mine).array_zyx == 1).sum() == 400


def test_a_session_does_not_replace_unasked(drawn, asked, monkeypatch, tmp_path):
    (tmp_path / "work.json").write_text("{}")
    choose(monkeypatch, tmp_path / "work")
    drawn.widget.save.session.click()
    drawn.idle()
    assert (tmp_path / "work.json").read_text() == "{}"
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("name", "kind", "file", "modality"),
    [
        ("x.seg.dcm", "NIfTI (*.nii.gz *.nii)", "x.seg.dcm", "SEG"),
        ("x.rtstruct.dcm", "NIfTI (*.nii.gz *.nii)", "x.rtstruct.dcm", "RTSTRUCT"),
        ("x", "DICOM Segmentation (*.seg.dcm *.dcm)", "x.seg.dcm", "SEG"),
    ],
)
def test_dicom_is_written_as_its_name_or_kind_says(drawn, asked, monkeypatch, tmp_path, name, kind, file, modality):
    drawn.controller.objects.rename(1, name="liver lesion", color="#ff8800")
    calls = choose(monkeypatch, tmp_path / name, kind)
    drawn.widget.save.save.click()
    assert saved(drawn)
    assert "DICOM Segmentation" in calls[0][1]
    assert "DICOM RT Structure Set" in calls[0][1]
    written = pydicom.dcmread(tmp_path / file)
    assert written.Modality == modality
    named = written.SegmentSequence[0].SegmentLabel if modality == "SEG" else written.StructureSetROISequence[0].ROIName
    assert named == "liver lesion"


def test_a_reader_is_named_in_a_seg_only_where_that_is_asked_for(drawn, asked, monkeypatch, tmp_path):
    panel, session = drawn.widget.save, drawn.controller.session
    assert not panel.sign.isVisible(), "nobody is named"
    monkeypatch.setattr(session, "reader", "QZ7")
    panel._enable()
    assert panel.sign.isVisible()
    assert panel.sign.text() == "Name QZ7 in a DICOM SEG"
    assert not panel.sign.isChecked()
    names = {}
    for name, sign in (("plain.seg.dcm", False), ("signed.seg.dcm", True), ("signed.nii.gz", True)):
        panel.sign.setChecked(sign)
        choose(monkeypatch, tmp_path / name)
        panel.save.click()
        assert saved(drawn), "a format that has no place for it is saved all the same"
        panel.receipt.hide()
        names[name] = (
            "" if name.endswith("gz") else str(pydicom.dcmread(tmp_path / name).get("ContentCreatorName") or "")
        )
    assert names == {"plain.seg.dcm": "", "signed.seg.dcm": "QZ7", "signed.nii.gz": ""}
    panel._forget()
    assert not panel.sign.isChecked(), "another volume is not signed unasked"


def test_the_ending_of_the_users_defaults_is_suggested(drawn, asked, monkeypatch, tmp_path):
    monkeypatch.setenv("VOLSWEEP_DEFAULTS", str(tmp_path / "defaults.json"))
    write_defaults(Defaults(format=".seg.nrrd"))
    calls = choose(monkeypatch, tmp_path / "a.seg.nrrd")
    drawn.widget.save.save.click()
    assert calls[0][0].endswith("_labels.seg.nrrd")
    assert saved(drawn)


def test_the_folder_is_remembered(drawn, asked, monkeypatch, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    choose(monkeypatch, folder / "a.nii.gz")
    drawn.widget.save.save.click()
    assert saved(drawn)
    drawn.key(Qt.Key.Key_V)
    calls = choose(monkeypatch, folder / "b.nii.gz")
    drawn.widget.save.save.click()
    assert Path(calls[0][0]).parent == folder
    assert saved(drawn)


def receipt_of(folder, voxels) -> Receipt:
    """Of a file in which labels have so many voxels."""
    return Receipt(
        path=folder / "x.nii.gz",
        sha256="0" * 64,
        sidecar=None,
        sidecar_sha256=None,
        shape_zyx=(1, 2, 3),
        dtype=np.dtype(np.uint8),
        affine=np.eye(4),
        voxels=voxels,
        max_corner_error_mm=0.0,
    )


def test_the_receipt_of_many_objects_counts_them_and_names_them_where_the_mouse_rests(drawn, tmp_path):
    panel, voxels = drawn.widget.save, {value: 100 + value for value in range(1, 12)}
    panel._on_saved(receipt_of(tmp_path, voxels))
    assert "11 objects, 1,166 voxels" in panel.receipt.text()
    assert "object 7 107" in panel.receipt.toolTip().replace("&nbsp;", " ")
    panel._on_saved(receipt_of(tmp_path, {2: 5, 3: 6}))
    assert "object 2 5, object 3 6 voxels" in panel.receipt.text()


def test_overlapping_objects_are_saved_whole_or_as_one_volume_and_replace_nothing_unasked(
    small, asked, monkeypatch, tmp_path
):
    window, panel = small, small.widget.save
    assert not panel.painted.isVisible(), "nothing overlaps"
    window.controller.objects.let_overlap(2, True)
    paint(window, 2, np.s_[18:34, 18:48])
    window.until(lambda: bool(window.controller.opened.under_zyx))
    window.idle()
    window.until(panel.painted.isVisible)
    choose(monkeypatch, tmp_path / "x.nii.gz")
    panel.save.click()
    assert saved(window)
    assert (tmp_path / "x.overlap-2.nii.gz").is_file()
    whole = read_objects(tmp_path / "x.nii.gz")
    assert [int(whole.mask_zyx(label).sum()) for label in (1, 2)] == [100, 16 * 30]
    panel.receipt.hide()
    (tmp_path / "x.nii.gz").unlink()
    (tmp_path / "x.labels.json").unlink()
    panel.save.click()
    window.idle()
    assert "x.overlap-2.nii.gz" in asked[-1], "the other groups' files are asked about, too"
    panel.painted.setChecked(True)
    choose(monkeypatch, tmp_path / "one.nii.gz")
    panel.save.click()
    assert saved(window)
    assert not (tmp_path / "one.overlap-2.nii.gz").exists()
    one = volsweep.read_labels(tmp_path / "one.nii.gz").array_zyx
    assert ((one == 1).sum(), (one == 2).sum()) == (100, 16 * 30 - 100), "the smaller over the larger"
