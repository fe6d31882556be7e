"""Volumes and label volumes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from volsweep.errors import GeometryError
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
    assert labels.labels[3] == Label("label 3", LABEL_COLORS[2])
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
