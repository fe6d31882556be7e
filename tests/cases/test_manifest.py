"""Manifests of a user's own cases, and of the shared ones."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from volsweep.errors import GeometryError, InputError
from volsweep.evaluate import read_cases
from volsweep.intensity import Window


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


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32])
def test_values_are_the_true_ones(tmp_path, dtype):
    stored = np.random.default_rng(2).integers(0, 4000, (6, 9, 8)).astype(dtype)
    write(tmp_path / "image.nii.gz", stored)
    write(tmp_path / "label.nii.gz", np.ones((6, 9, 8), np.uint8))
    entry = {"image": "image.nii.gz", "label": "label.nii.gz", "modality": "CT", "window": "400/1040"}
    entries = [
        entry,
        {**entry, "offset": -1000},
        {**entry, "intensity_scale": 2},
        {**entry, "modality": "MR", "intensity_scale": 2},
    ]
    (tmp_path / "mine.json").write_text(json.dumps(entries))
    plain, moved, scaled, mr = read_cases(tmp_path / "mine.json")
    as_stored = plain.load()[0].array_zyx
    np.testing.assert_array_equal(moved.load()[0].array_zyx, as_stored.astype(np.int64) - 1000)
    assert moved.load()[0].array_zyx.dtype == (np.float32 if dtype == np.float32 else np.int16)
    np.testing.assert_allclose(scaled.load()[0].array_zyx, as_stored / 2)
    np.testing.assert_array_equal(mr.load()[0].array_zyx, as_stored)
    assert plain.true_window() == mr.true_window() == "400/1040"
    assert moved.true_window() == Window(40, 400)
    assert scaled.true_window() == Window(520, 200)


def test_splits_are_apart_and_cases_without_one_belong_to_all(tmp_path):
    entries = [{"path": name, "split": split} for name, split in (("a", "train"), ("b", "dev"), ("c", ""))]
    (tmp_path / "cases.json").write_text(json.dumps(entries))
    assert [c.name for c in read_cases(tmp_path, "train")] == ["a", "c"]
    assert [c.name for c in read_cases(tmp_path)] == ["a", "b", "c"]
    assert read_cases(tmp_path)[0].image == tmp_path / "a" / "image.nii.gz"


@pytest.mark.cases
def test_the_shared_manifest(cases):
    """What is held true of it, whatever is added: its splits are apart by patient, and its facts are read."""
    by_split = {split: read_cases(cases, split) for split in ("train", "dev")}
    whose = {split: {(c.family, c.patient) for c in some} for split, some in by_split.items()}
    assert all(c.patient for some in by_split.values() for c in some)
    assert not whose["train"] & whose["dev"]
    assert {"sarcoma CT", "sarcoma MR", "sarcoma PT", "hippocampus MR"} <= {c.group for c in by_split["dev"]}
    said = {entry["path"].split("/")[-1]: entry for entry in json.loads((cases / "cases.json").read_text())}
    for case in (*by_split["train"], *by_split["dev"]):
        entry = said[case.name]
        assert case.offset == entry.get("offset", 0)
        assert case.open_ended == tuple(entry.get("open_ended", ()))
        assert case.window == entry.get("window", "auto")
        assert case.study == entry.get("study")
        assert case.intensity_scale == entry["intensity_scale"]
    assert any(c.offset for c in by_split["train"])
    assert any(c.open_ended for c in by_split["train"])
