"""Volumes and label volumes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import Grid, affine_from_dicom
from volsweep.volume import LABEL_COLORS, Label, LabelVolume, Volume

CORONAL = Grid((3, 4, 5), affine_from_dicom((1, 0, 0, 0, 0, -1), (1, 1), (0, 0, 0), (0, 3, 0)))
VALUES = np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def test_slices_are_views_in_their_plane() -> None:
    volume = Volume(VALUES.copy(), CORONAL)
    np.testing.assert_array_equal(volume.slice_yx("coronal", 1), VALUES[1])
    np.testing.assert_array_equal(volume.slice_yx("axial", 2), VALUES[:, 2])
    np.testing.assert_array_equal(volume.slice_yx("sagittal", 4), VALUES[:, :, 4])
    assert volume.slice_yx("axial", 0).shape == CORONAL.plane_shape("axial")[1:]
    volume.slice_yx("axial", 2)[1, 3] = 99
    assert volume.array_zyx[1, 2, 3] == 99


def test_array_and_grid_must_agree() -> None:
    with pytest.raises(GeometryError, match=r"\(3, 4, 6\).*\(3, 4, 5\)"):
        Volume(np.zeros((3, 4, 6)), CORONAL)
    with pytest.raises(GeometryError, match="must agree"):
        LabelVolume(np.zeros((3, 4, 6), np.uint8), CORONAL)


def test_labels_are_integers() -> None:
    with pytest.raises(GeometryError, match="integers, not float64"):
        LabelVolume(np.zeros((3, 4, 5)), CORONAL)


def test_every_value_has_a_label() -> None:
    labels = LabelVolume(VALUES % 4, CORONAL, {2: Label("liver", "#ff0000"), 9: Label("unused", "#00ff00")})
    assert labels.values() == [1, 2, 3]
    assert list(labels.labels) == [1, 2, 3, 9]
    assert labels.labels[2].name == "liver"
    assert labels.labels[3] == Label("object 3", LABEL_COLORS[2])
    np.testing.assert_array_equal(labels.mask_zyx(2), VALUES % 4 == 2)
    with pytest.raises(TypeError):
        labels.labels[1] = Label("x", "#000000")  # type: ignore[index]


def test_other_array_same_grid() -> None:
    labels = LabelVolume(VALUES % 2, CORONAL, {1: Label("liver", "#ff0000")})
    changed = labels.with_array((VALUES % 3).astype(np.uint8))
    assert changed.grid is labels.grid
    assert changed.labels[1].name == "liver"
    assert changed.values() == [1, 2]
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.grid = CORONAL  # type: ignore[misc]


def test_colours_repeat() -> None:
    assert Label.default(1).color == Label.default(1 + len(LABEL_COLORS)).color
    assert len(set(LABEL_COLORS)) == len(LABEL_COLORS)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_filled_and_told_as_in_files(bad):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 5
    array[1, 2, 3] = bad
    volume = Volume(array, Grid.axis_aligned((2, 3, 4)), warnings=("first",))
    assert volume.array_zyx[1, 2, 3] == 5
    assert volume.warnings == ("first", "1 voxels that are not finite were set to the smallest value, 5")
    assert np.isfinite(array).sum() == 23, "the caller's array is what it was"
    fine = np.zeros((2, 3, 4), np.float32)
    assert Volume(fine, Grid.axis_aligned((2, 3, 4))).array_zyx is fine
    with pytest.raises(InputError, match="no finite value"):
        Volume(np.full((2, 3, 4), np.nan), Grid.axis_aligned((2, 3, 4)))


def test_values_are_those_that_occur_and_known_ones_are_not_looked_for(monkeypatch):
    array = np.zeros((5, 6, 7), np.uint16)
    array[1, 2, 3], array[4, 5, 6], array[4, 0, 0] = 300, 2, 7
    labels = LabelVolume(array, Grid.axis_aligned(array.shape))
    assert labels.values() == [2, 7, 300]
    assert list(labels.labels) == [2, 7, 300]
    monkeypatch.setattr(LabelVolume, "values", lambda _: pytest.fail("the array was looked through"))
    known = {v: Label.default(v) for v in (2, 7, 300)}
    assert LabelVolume(array, labels.grid, known, complete=True).labels == known
