"""Contours on the slices they were drawn for, and what is left out by name."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.geometry import Grid
from volsweep.io.derived.planes import Area, draw, slices_of
from volsweep.io.overlaps import LabelledObject
from volsweep.volume import Label

GRID = Grid.axis_aligned((8, 20, 20), (3.0, 0.5, 0.8), (-4.0, 6.0, 100.0))


def square(z: float, first: float, last: float, **options) -> Area:
    corners = [[z, first, first], [z, first, last], [z, last, last], [z, last, first]]
    return Area(GRID.to_lps_mm(corners), **options)


def drawn(*areas: Area) -> tuple[dict[int, int], list[str]]:
    one = LabelledObject(1, Label("GTV", "#ff0000"))
    notes = draw(one, areas, GRID)
    return {index: int(mask.sum()) for index, (_, _, mask) in one.patches.items()}, notes


@pytest.mark.parametrize(
    ("positions", "slices"),
    [
        ([2.5, 3.5, 4.5, 5.5], [3, 4, 5, 6]),
        ([2.4999, 3.5001, 4.4998, 5.5], [3, 4, 5, 6]),
        ([2.46, 3.54, 4.5, 5.5], [3, 4, 5, 6]),
        ([-0.5, 0.5, 1.5], [0, 1, 2]),
        ([6.5, 7.5, 8.5], [6, 7, 8]),
        ([2.4, 3.4, 4.4], [2, 3, 4]),
        ([2.6, 3.6, 4.6], [3, 4, 5]),
        ([2.0, 3.5, 5.0, 6.5], [2, 4, 5, 7]),
        ([3.5], [4]),
    ],
)
def test_planes_between_slices_stay_neighbours(positions, slices):
    assert slices_of(np.array(positions), 9).tolist() == slices


def test_each_contour_fills_its_slice():
    assert drawn(square(2, 4.5, 9.5), square(3, 4.5, 7.5)) == ({2: 25, 3: 9}, [])
    assert drawn(square(2, 4.5, 9.5), square(2, 5.5, 7.5)) == ({2: 21}, []), "one within another is a hole"
    assert drawn(square(2, 4.5, 9.5), square(2, 11.5, 13.5)) == ({2: 29}, [])
    both = square(3, 4.5, 9.5, exclusive=True), square(3, 7.5, 12.5, exclusive=True)
    assert drawn(*both) == ({3: 42}, []), "what lies in two of the exclusive kind lies in none"


def test_of_two_planes_on_one_slice_the_nearer_counts():
    found, notes = drawn(square(2.0, 4.5, 9.5), square(2.3, 4.5, 7.5), square(5.0, 4.5, 9.5))
    assert found == {2: 25, 5: 25}
    assert "1 contours between slices that have one of their own left out" in notes


@pytest.mark.parametrize("z", [-0.6, 7.6, 20.0])
def test_what_lies_beyond_the_series_is_left_out_by_number(z):
    assert drawn(square(z, 4.5, 9.5), square(4, 4.5, 9.5)) == (
        {4: 25},
        ["1 contours beyond the series' slices left out"],
    )


def test_what_runs_through_slices_is_left_out_with_their_numbers():
    points = np.array([[2.0, 4, 4], [2.0, 4, 9], [4.5, 9, 9], [4.5, 9, 4]])
    found, notes = drawn(Area(GRID.to_lps_mm(points)))
    assert found == {}
    assert notes == ["1 contours run through slices 2.0 to 4.5, not parallel to the slices of this series, left out"]


def test_what_the_user_should_know():
    assert drawn(square(3, 5.1, 5.4))[1] == ["its contours enclose no voxel's centre"]
    assert drawn(square(3.2, 4.5, 9.5))[1] == ["its contours lie up to 0.20 slices from the slice they were drawn on"]
    notes = drawn(*(square(z, 4.5, 9.5) for z in (1, 3, 5)))[1]
    assert notes == ["it has contours on one slice in 2 only; it is empty between them"]


def test_pieces_on_one_slice_stay_whatever_plane_they_were_drawn_in():
    """Files round positions; and a piece beside the others of its slice has no other slice to go to."""
    assert drawn(square(2.0, 4.5, 9.5), square(2.03, 11.5, 13.5)) == ({2: 29}, [])
    found, notes = drawn(square(2.0, 4.5, 9.5), square(2.3, 11.5, 13.5))
    assert found == {2: 29}
    assert "1 pieces in other planes were drawn on the slice" in notes[0]
    ring = square(2.3, 3.5, 12.5), square(2.3, 5.5, 10.5)
    assert drawn(square(2.0, 2.5, 12.5), square(2.0, 5.5, 10.5), *ring)[0] == {2: 75}, "a hole is no piece"


def test_contours_of_a_coarser_series_leave_slices_empty_and_say_so():
    filled, notes = drawn(*(square(at, 4.5, 9.5) for at in (0, 5 / 3, 10 / 3, 5, 20 / 3)))
    assert sorted(filled) == [0, 2, 3, 5, 7]
    assert any("1.67 slices apart" in note and "empty" in note for note in notes)
    assert drawn(*(square(at, 4.5, 9.5) for at in (0, 1, 2, 6, 7)))[1] == []  # two pieces, drawn on every slice
