"""Letters, slice numbers, values and lengths, on volumes stored in other ways."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.geometry import Grid, Plane
from volsweep.io.dicom.title import SeriesTitle
from volsweep.napari.reading import words
from volsweep.volume import Volume

LPS = Grid.axis_aligned((4, 5, 6), (3, 2, 1), (-10, -20, -30))
RAS = Grid((4, 5, 6), np.array([[0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]))


@pytest.mark.parametrize("grid", [LPS, RAS], ids=["LPS", "RAS"])
def test_letters_are_as_radiologists_read_however_the_volume_is_stored(grid):
    """Left, right, top, bottom."""
    assert words.letters(grid, Plane.AXIAL) == ("R", "L", "A", "P")
    assert words.letters(grid, Plane.CORONAL) == ("R", "L", "H", "F")
    assert words.letters(grid, Plane.SAGITTAL) == ("A", "P", "H", "F")


def test_slices_are_counted_from_one_with_image_number_and_index():
    assert words.slice_words(20, 40) == "slice 21 of 40 (index 20)"
    assert words.slice_words(0, 40, 140) == "slice 1 of 40 · image 140 (index 0)"


def test_a_title_is_the_series_or_the_layer_and_no_patient():
    assert words.title_words(SeriesTitle("2026-11-21", 4, "Portal"), "CT x") == "2026-11-21 · series 4\nPortal"
    assert words.title_words(SeriesTitle(description="x" * 40), "CT") == "x" * 27 + "…"
    assert words.title_words(SeriesTitle(), "CT x") == "CT x"


def test_a_value_has_its_unit_and_its_place_in_the_patient():
    volume = Volume(np.arange(120, dtype=np.int16).reshape(4, 5, 6), LPS, "CT")
    said = words.value_words(volume, (1, 2, 3.2))
    assert said.startswith("45 HU\n")
    assert "R 6.8  A 16.0  F 27.0 mm" in said
    assert said.endswith("(1, 2, 3)")
    assert words.value_words(volume, (1, 2, 5.6)) == ""
    assert words.value_words(volume, (-0.6, 2, 1)) == ""
    assert words.value_words(Volume(volume.array_zyx, LPS, "MR"), (0, 0, 1)).startswith("1\n")


def test_lengths_are_in_millimetres():
    assert words.length_words([(0, 0, 0), (0, 2, 3)], LPS) == "5.0 mm"


@pytest.mark.parametrize(
    ("library", "window"),
    [
        ("give its volume, or take them as they are (anyway=True)", "give its volume"),
        ("it exists; choose another name, or overwrite it (overwrite=True)", "it exists; choose another name"),
        ("it is seen as CT is (modality= says otherwise)", "it is seen as CT is"),
        ("a box at (5, 6) is outside (x from 0 to 5)", "a box at (5, 6) is outside (x from 0 to 5)"),
    ],
)  # fmt: skip
def test_the_window_speaks_no_python(library, window):
    assert words.window_words(library) == window
