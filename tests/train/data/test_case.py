from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from volsweep.errors import InputError
from volsweep.train.data.case import find_targets, load_case, read_manifest


def _write(path, array_zyx, spacing=(1.0, 1.0, 2.0)):
    nib.save(nib.Nifti1Image(array_zyx.T, np.diag([*spacing, 1.0])), path)


@pytest.fixture
def manifest(tmp_path):
    rng = np.random.default_rng(0)
    _write(tmp_path / "image.nii.gz", rng.integers(-100, 100, (6, 9, 8)).astype(np.int16))
    labels = np.zeros((6, 9, 8), np.uint8)
    labels[1:4, 2:5, 3:6] = 1
    labels[4, 6, 6] = 2
    _write(tmp_path / "label.nii.gz", labels)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps([{"image": "image.nii.gz", "label": "label.nii.gz", "modality": "CT"}]))
    return path


def test_a_case_lists_its_labels_and_where_they_are(manifest):
    case = load_case(read_manifest(manifest)[0])
    assert case.image_zyx.shape == (6, 9, 8)
    assert case.spacing_zyx_mm == (2.0, 1.0, 1.0)
    assert [t.value for t in case.targets] == [1, 2]
    # NIfTI is RAS and arrays here are LPS: rows and columns may be mirrored, slices are not.
    assert case.targets[0].extents[0] == (1, 3)
    np.testing.assert_array_equal(case.targets[0].areas[0], [0, 9, 9, 9, 0, 0])


def test_only_the_labels_asked_for_are_taken(manifest):
    entry = read_manifest(manifest)[0].model_copy(update={"labels": (2,)})
    assert [t.value for t in load_case(entry).targets] == [2]
    with pytest.raises(InputError, match="none of the labels"):
        load_case(entry.model_copy(update={"labels": (9,)}))


def test_labels_on_another_grid_are_refused(manifest, tmp_path):
    _write(tmp_path / "label.nii.gz", np.ones((5, 9, 8), np.uint8))
    with pytest.raises(InputError, match="grid"):
        load_case(read_manifest(manifest)[0])


@pytest.mark.parametrize("text", ["{", "[]", '[{"image": "a.nii"}]', '{"a": 1}'])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read_manifest(path)
    with pytest.raises(InputError):
        read_manifest(tmp_path / "missing.json")


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_values_stored_from_0_upwards_are_moved_to_hounsfield_units(manifest, tmp_path, dtype):
    stored = np.random.default_rng(2).integers(0, 4000, (6, 9, 8)).astype(dtype)
    _write(tmp_path / "image.nii.gz", stored)
    entry = read_manifest(manifest)[0]
    plain, moved = load_case(entry), load_case(entry.model_copy(update={"offset": -1000.0}))
    np.testing.assert_array_equal(moved.image_zyx.astype(np.float64), plain.image_zyx.astype(np.float64) - 1000)
    # Whole numbers stay whole, and small in memory.
    assert moved.image_zyx.dtype.kind == plain.image_zyx.dtype.kind
    assert moved.image_zyx.itemsize <= 4
    assert moved.percentiles[50] == pytest.approx(plain.percentiles[50] - 1000, abs=1)


def test_cases_of_the_head_and_neck_are_moved_and_no_others(tmp_path):
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([{"path": "a", "family": "headneck"}, {"path": "b", "family": "sarcoma"}]))
    headneck, sarcoma = read_manifest(path)
    assert (headneck.offset, sarcoma.offset) == (-1000, 0)
    assert headneck.image == tmp_path / "a" / "image.nii.gz"


def test_extents_along_every_axis():
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1:3, 2, 0:6] = 7
    (target,) = find_targets(labels, [7, 8], open_ended=[7])
    assert target.extents == ((1, 2), (2, 2), (0, 5))
    assert target.open_ended


@pytest.mark.cases
def test_shared_cases_are_read_and_their_splits_kept_apart(cases):
    entries = read_manifest(cases / "cases.json")
    train = [e for e in entries if e.split == "train"]
    assert {e.family for e in train} == {"sarcoma", "headneck"}
    patients = {split: {e.image.parent.name for e in entries if e.split == split} for split in ("train", "dev")}
    assert not patients["train"] & patients["dev"]
    case = load_case(next(e for e in train if e.family == "sarcoma" and e.modality == "CT"))
    entry = next(e for e in train if e.family == "sarcoma" and e.modality == "CT")
    truth = np.asanyarray(nib.load(entry.label).dataobj)
    assert case.targets[0].areas[0].sum() == (truth == 1).sum()
    assert case.image_zyx.min() < -500  # Hounsfield units: there is air
    brain = load_case(next(e for e in train if e.family == "headneck"))
    inside = brain.image_zyx[brain.labels_zyx == brain.targets[0].value]
    assert -100 < np.median(inside) < 150
    assert brain.image_zyx.min() < -500
