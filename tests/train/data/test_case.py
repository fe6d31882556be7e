from __future__ import annotations

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from volsweep.cases.manifest import read_cases
from volsweep.errors import GeometryError, InputError
from volsweep.intensity import CT_WINDOWS, Window
from volsweep.train.data.augment import default_window, random_window
from volsweep.train.data.case import find_targets, load_case


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
    case = load_case(read_cases(manifest)[0])
    assert case.image_zyx.shape == (6, 9, 8)
    assert case.spacing_zyx_mm == (2.0, 1.0, 1.0)
    assert [t.value for t in case.targets] == [1, 2]
    # NIfTI is RAS and arrays here are LPS: rows and columns may be mirrored, slices are not.
    assert case.targets[0].extents[0] == (1, 3)
    np.testing.assert_array_equal(case.targets[0].areas[0], [0, 9, 9, 9, 0, 0])


def test_only_the_labels_asked_for_are_taken(manifest):
    listed = replace(read_cases(manifest)[0], labels=(2,), open_ended=(2,))
    (target,) = load_case(listed).targets
    assert (target.value, target.open_ended) == (2, True)
    with pytest.raises(InputError, match="none of the labels"):
        load_case(replace(listed, labels=(9,)))


def test_labels_on_another_grid_are_refused(manifest, tmp_path):
    _write(tmp_path / "label.nii.gz", np.ones((5, 9, 8), np.uint8))
    with pytest.raises(GeometryError, match="grid"):
        load_case(read_cases(manifest)[0])


def test_a_case_is_seen_in_the_window_of_its_manifest(manifest, rng):
    listed = read_cases(manifest)[0]
    assert default_window(load_case(listed)) is CT_WINDOWS["soft tissue"]
    lung = load_case(replace(listed, window="1500/-500"))
    assert default_window(lung) == Window(-500, 1500)
    drawn = [random_window(rng, lung) for _ in range(40)]
    assert abs(np.median([window.center for window in drawn]) + 500) < 150
    assert len({window.width for window in drawn}) > 10
    moved = load_case(replace(listed, window="400/1040", offset=-1000.0))
    assert default_window(moved) == Window(40, 400)


def test_extents_along_every_axis():
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1:3, 2, 0:6] = 7
    (target,) = find_targets(labels, [7, 8], open_ended=[7])
    assert target.extents == ((1, 2), (2, 2), (0, 5))
    assert target.open_ended


@pytest.mark.cases
def test_shared_cases_are_loaded_in_hounsfield_units(cases):
    train = read_cases(cases, "train", ["sarcoma", "headneck"])
    listed = next(c for c in train if c.family == "sarcoma" and c.modality == "CT")
    case = load_case(listed)
    truth = np.asanyarray(nib.load(listed.label).dataobj)
    assert case.targets[0].areas[0].sum() == (truth == 1).sum()
    assert case.image_zyx.min() < -500  # there is air
    brain = load_case(next(c for c in train if c.family == "headneck"))
    inside = brain.image_zyx[brain.labels_zyx == brain.targets[0].value]
    assert -100 < np.median(inside) < 150
    assert brain.image_zyx.min() < -500
    assert brain.image_zyx.dtype == np.int16
