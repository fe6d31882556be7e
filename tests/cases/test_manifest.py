"""Manifests of a user's own cases, and of the shared ones."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from volsweep.errors import GeometryError, InputError
from volsweep.evaluate import read_cases


def write(path, array, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)


@pytest.fixture
def own(tmp_path):
    write(tmp_path / "a" / "ct.nii.gz", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    write(tmp_path / "a" / "seg.nii.gz", np.ones((3, 4, 5), dtype=np.uint8))
    write(tmp_path / "a" / "moved.nii.gz", np.ones((3, 4, 5), dtype=np.uint8), np.diag([2, 1, 1, 1]))
    entries = [
        {"image": "a/ct.nii.gz", "label": "a/seg.nii.gz", "modality": "CT", "family": "liver", "labels": [1]},
        {"image": "a/ct.nii.gz", "label": "a/moved.nii.gz", "name": "moved", "window": "400/40"},
    ]
    (tmp_path / "mine.json").write_text(json.dumps(entries))
    return tmp_path / "mine.json"


def test_a_manifest_names_images_and_labels(own):
    first, second = read_cases(own)
    assert (first.name, first.group, first.labels, first.window) == ("ct", "liver CT", (1,), "auto")
    assert (second.name, second.group, second.window) == ("moved", "all", "400/40")
    volume, labels = first.load()
    assert volume.modality == "CT"
    assert volume.shape_zyx == labels.shape_zyx == (5, 4, 3)


def test_labels_on_another_grid_are_refused(own):
    with pytest.raises(GeometryError, match=r"moved: .* same grid"):
        read_cases(own)[1].load()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{]", "not a list of cases"),
        ('{"image": "a"}', "not a list of cases"),
        ('[{"image": "a"}]', "0: .*needs image and label"),
        ("[]", "lists no case"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, content, message):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_cases(tmp_path / "bad.json")


def test_a_missing_manifest_and_an_unknown_family_are_named(own, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json cannot be read"):
        read_cases(tmp_path / "nowhere.json")
    with pytest.raises(InputError, match="no family kidney"):
        read_cases(own, families=["kidney"])


@pytest.mark.cases
def test_the_shared_manifest(cases):
    dev = read_cases(cases, "dev")
    assert len(dev) == 42
    assert {c.group for c in dev} == {
        "sarcoma CT",
        "sarcoma MR",
        "sarcoma PT",
        "headneck CT",
        "hippocampus MR",
        "ctlesion CT",
    }
    assert len(read_cases(cases, "dev", ["sarcoma"])) == 15
    assert len(read_cases(cases)) > 200
