"""Objects that may overlap, and the one label volume they become."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.geometry import Grid
from volsweep.io.overlaps import LabelledObject, Objects, values_for
from volsweep.volume import Label, LabelVolume

SHAPE = (3, 8, 9)


def painted(*found: LabelledObject) -> tuple[np.ndarray, tuple[str, ...]]:
    labels = Objects(Grid(SHAPE, np.eye(4)), found).painted()
    return labels.array_zyx, labels.warnings


def part(value: int, name: str, mask_zyx: np.ndarray) -> LabelledObject:
    made = LabelledObject(value, Label(name, "#ff0000"))
    for index, mask in enumerate(mask_zyx):
        made.add(index, mask)
    return made


def box(z: slice, y: slice, x: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[z, y, x] = True
    return mask


ORGAN = box(slice(0, 3), slice(1, 7), slice(1, 8))
LESION = box(slice(1, 2), slice(2, 5), slice(6, 9))


@pytest.mark.parametrize("lesion_first", [False, True])
def test_the_smaller_lies_over_the_larger_in_any_order(lesion_first):
    parts = [part(1, "organ", ORGAN), part(7, "lesion", LESION)]
    array, warnings = painted(*(parts[::-1] if lesion_first else parts))
    np.testing.assert_array_equal(array, np.where(LESION, 7, np.where(ORGAN, 1, 0)))
    (warning,) = warnings
    assert "'organ' and 'lesion' overlap in 6 voxels" in warning
    assert np.count_nonzero(ORGAN & LESION) == 6


def test_objects_apart_warn_of_nothing():
    _, warnings = painted(part(1, "a", box(0, slice(0, 2), 0)), part(2, "b", box(0, slice(3, 5), 0)))
    assert warnings == ()


def test_a_second_mask_on_a_slice_joins_the_first_and_leaves_its_array_alone():
    one, other = ORGAN[0], LESION[1]
    made = LabelledObject(1, Label("a", "#ff0000"))
    made.add(2, one)
    before = other.copy()
    made.add(2, other)
    assert made.voxels == np.count_nonzero(one | other)
    np.testing.assert_array_equal(painted(made)[0][2], one | other)
    np.testing.assert_array_equal(other, before)


def test_an_empty_mask_adds_nothing():
    made = part(1, "a", np.zeros(SHAPE, dtype=bool))
    assert (made.voxels, made.patches) == (0, {})


@pytest.mark.parametrize(("value", "dtype"), [(255, np.uint8), (256, np.uint16), (70000, np.uint32)])
def test_the_type_is_the_smallest_that_holds_the_values(value, dtype):
    array, _ = painted(part(value, "a", LESION))
    assert array.dtype == dtype
    assert array.max() == value


def test_each_object_is_whole_alone_and_in_the_fewest_layers():
    apart = box(2, slice(7, 8), slice(0, 9))
    meant = {1: ORGAN, 7: LESION, 9: apart}
    found = Objects(Grid(SHAPE, np.eye(4)), [part(value, "a", mask) for value, mask in meant.items()])
    assert found.values() == [1, 7, 9]
    layers = found.layers()
    assert len(layers) == 2, "only the organ and the lesion share voxels"
    for value, mask in meant.items():
        np.testing.assert_array_equal(found.mask_zyx(value), mask)
        np.testing.assert_array_equal(np.any([layer == value for layer in layers], axis=0), mask)


def test_a_label_volume_becomes_objects_and_comes_back():
    labels = LabelVolume(
        np.where(LESION, 7, np.where(ORGAN, 1, 0)).astype(np.uint8),
        Grid(SHAPE, np.eye(4)),
        {1: Label("organ", "#00ff00"), 7: Label("lesion", "#ff0000"), 8: Label("empty", "#0000ff")},
    )
    back = Objects.of(labels).painted()
    np.testing.assert_array_equal(back.array_zyx, labels.array_zyx)
    assert back.labels == labels.labels


@pytest.mark.parametrize(
    ("numbers", "values"),
    [([3, 1, 7], [3, 1, 7]), ([0, 1, 5], [2, 1, 5]), ([65535, 65536, -1], [65535, 1, 2]), ([], [])],
)
def test_numbers_that_can_be_labels_are_kept(numbers, values):
    assert values_for(numbers) == values
