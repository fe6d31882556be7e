"""Which slices a sheet shows, which way up, and in whose colours."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window
from volsweep.job.contact_sheet import TILE, Sheet, choose_slices, draw
from volsweep.volume import Label, LabelVolume, Volume

SHAPE = (40, 50, 60)


def labelled(first: int, last: int, grid: Grid | None = None) -> LabelVolume:
    array = np.zeros(SHAPE, np.uint8)
    array[first : last + 1, 20:30, 10:25] = 3
    return LabelVolume(array, grid or Grid.axis_aligned(SHAPE, (3.0, 2.0, 2.0)), {3: Label("lesion", "#ff0000")})


def test_from_before_the_first_slice_to_beyond_the_last():
    sheet = choose_slices(labelled(10, 30), Plane.AXIAL, [20])
    assert len(sheet.slices) == 8
    assert (sheet.slices[0], sheet.slices[-1]) == (9, 31)
    assert 20 in sheet.slices
    assert sheet.prompted == {20}
    assert np.ptp(np.diff(sheet.slices)) <= 3, "evenly, but for the prompted one"


def test_the_volume_ends_the_sheet_and_nothing_found_shows_all_of_it():
    assert choose_slices(labelled(0, 39), Plane.AXIAL, []).slices[::7] == [0, 39]
    assert choose_slices(labelled(5, 4), Plane.AXIAL, [17], count=4).slices[::3] == [0, 39]
    assert 17 in choose_slices(labelled(5, 4), Plane.AXIAL, [17], count=4).slices
    coronal = choose_slices(labelled(10, 30), Plane.CORONAL, [])
    assert (coronal.slices[0], coronal.slices[-1]) == (19, 30)


@pytest.mark.parametrize(
    ("column", "right"),
    [((0, 0, 2.0), True), ((0, 0, -2.0), False)],
    ids=["columns run to the left", "columns run to the right"],
)
def test_the_patients_right_is_on_the_left(column, right):
    """A bright edge at the array's first column, wherever that is in the patient."""
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = (0, 0, 3.0), (0, 2.0, 0), column[::-1]
    grid = Grid(SHAPE, affine)
    array = np.zeros(SHAPE, np.int16)
    array[:, :, :6] = 1000
    volume = Volume(array, grid, "CT")
    image = np.asarray(draw(volume, labelled(5, 4, grid), Window(500, 1000), Sheet(Plane.AXIAL, [20])))
    left, far = image[TILE // 2, 5:25, 0].mean(), image[TILE // 2, TILE - 25 : TILE - 5, 0].mean()
    assert bool(left > far + 50) is right


def test_outlines_are_in_the_labels_colours_and_its_name_below():
    labels = labelled(10, 30)
    volume = Volume(np.zeros(SHAPE, np.int16), labels.grid, "CT")
    image = np.asarray(draw(volume, labels, Window(500, 1000), choose_slices(labels, Plane.AXIAL, [20]))).astype(int)
    assert image.shape == (2 * TILE + 40, 4 * TILE, 3)
    red = (image[..., 0] > 200) & (image[..., 1] < 60) & (image[..., 2] < 60)
    assert not red[:TILE, :TILE].any(), "the slice before the first"
    assert red[:TILE, TILE : 2 * TILE].sum() > 100
    assert red[2 * TILE :, :40].any(), "the legend"
