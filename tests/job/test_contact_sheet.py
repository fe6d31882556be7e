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


@pytest.mark.parametrize("stored", ["SPL", "SLP", "LSP", "PIR", "RAS", "AIR", "LIA", "PRS"])
@pytest.mark.parametrize("plane", list(Plane))
def test_whatever_the_order_of_its_axes_head_and_front_are_up_and_the_right_is_on_the_left(stored, plane):
    """One patient, marked at the right, the front and the head, is drawn alike however its array lies."""
    away = {"L": 0, "R": 0, "P": 1, "A": 1, "S": 2, "I": 2}
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, letter in enumerate(stored):
        affine[away[letter], axis] = 2.0 if letter in "LPS" else -2.0
    shape = tuple((60, 40, 50)[away[letter]] for letter in stored)
    affine[:3, 3] = -(affine[:3, :3] @ (np.array(shape) - 1)) / 2
    grid = Grid(shape, affine)
    x, y, z = np.moveaxis(grid.to_lps_mm(np.moveaxis(np.indices(shape), 0, -1)), -1, 0)
    array = np.zeros(shape, np.int16)
    array[x < -48] = 1000  # the patient's right
    array[y < -28] = 600  # the front
    array[z > 38] = 300  # the head
    empty = LabelVolume(np.zeros(shape, np.uint8), grid, {3: Label("lesion", "#ff0000")})
    index = shape[grid.plane_axis(plane)] // 2
    tile = np.asarray(draw(Volume(array, grid, "CT"), empty, Window(500, 1000), Sheet(plane, [index])))[:TILE, :TILE, 0]
    _, wide, high = {"axial": (0, 60, 40), "coronal": (0, 60, 50), "sagittal": (0, 40, 50)}[plane]
    longest = max(wide, high)
    top, left = (TILE - TILE * high // longest) // 2, (TILE - TILE * wide // longest) // 2
    beside = slice(200, 215)  # the letters
    at = {
        "left": tile[beside, left + 2 : left + 8].mean(),
        "top": tile[top + 2 : top + 8, beside].mean(),
        "middle": tile[TILE // 2 - 9 : TILE // 2 + 9, TILE // 2 - 9 : TILE // 2 + 9].mean(),
    }
    value = {"axial": (255, 153), "coronal": (255, 76), "sagittal": (153, 76)}[plane]
    assert (at["left"], at["top"], at["middle"]) == pytest.approx((*value, 0), abs=3)


def test_letters_say_which_way_a_slice_lies():
    labels = labelled(10, 30)
    black = Volume(np.full(SHAPE, -1000, np.int16), labels.grid, "CT")
    image = np.asarray(draw(black, labelled(5, 4), Window(500, 1000), Sheet(Plane.AXIAL, [2])))[:TILE, :TILE, 0]
    assert image[TILE // 2 - 12 : TILE // 2 + 12, :24].max() > 200, "R at the left"
    assert image[:24, TILE // 2 - 12 : TILE // 2 + 12].max() > 200, "A at the top"
