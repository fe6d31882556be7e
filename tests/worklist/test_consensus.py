"""What several readers drew as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.io.overlaps import LabelledObject, Objects
from volsweep.volume import Label, LabelVolume
from volsweep.worklist.consensus import consensus_of

SHAPE = (4, 20, 22)
GRID = Grid.axis_aligned(SHAPE, (3, 1, 1))


def drawn(mask: np.ndarray, value: int = 1, name: str = "tumour") -> Objects:
    return Objects.of(LabelVolume(mask.astype(np.uint8) * value, GRID, {value: Label(name, "#ff0000")}))


def square(shift: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[1:3, 5:15, 5 + shift : 15 + shift] = True
    return mask


@pytest.mark.parametrize("rule", ["majority", "staple"])
def test_voxels_that_most_drew_whatever_number_the_object_has(rule):
    readers = {"A": drawn(square(0)), "B": drawn(square(1), 7, "Tumour"), "C": drawn(square(2))}
    found = consensus_of(readers, rule)
    assert list(found.labels) == [1]
    np.testing.assert_array_equal(found.mask_zyx(1), square(1))


def test_staple_listens_to_those_who_agree():
    noise = np.random.default_rng(0).random(SHAPE) > 0.5
    readers = {"A": drawn(square(0)), "B": drawn(square(0)), "C": drawn(noise & ~square(0)), "D": drawn(square(0))}
    np.testing.assert_array_equal(consensus_of(readers, "staple").mask_zyx(1), square(0))


def test_of_two_who_differ_a_majority_is_what_both_drew_and_objects_of_one_alone_are_gone():
    both = consensus_of({"A": drawn(square(0)), "B": drawn(square(3))})
    np.testing.assert_array_equal(both.mask_zyx(1), square(0) & square(3))
    alone = consensus_of({"A": drawn(square(0)), "B": drawn(square(9), 2, "node")})
    assert set(alone.labels) == {1, 2}
    assert alone.values() == []


def test_one_reader_is_no_consensus():
    with pytest.raises(InputError, match="two readers or more, and 1"):
        consensus_of({"A": drawn(square(0))})
    other = Objects(Grid.axis_aligned(SHAPE, (2, 1, 1)), [])
    with pytest.raises(InputError, match="different grids"):
        consensus_of({"A": drawn(square(0)), "B": other})


@pytest.mark.parametrize("rule", ["majority", "staple"])
def test_readers_who_write_in_other_languages_drew_one_object_and_the_other_side_is_another(rule):
    names = {"A": "left parotid", "B": "Glandula parotis sinistra", "C": "Parotid_L"}
    left = {who: drawn(square(shift), 3 + shift, names[who]) for shift, who in enumerate(names)}
    right = drawn(square(9), 4, "Parotis rechts")
    found = consensus_of({**left, "B": Objects(GRID, [*left["B"].found, *renumbered(right, 9)])}, rule)
    assert {value: label.name for value, label in found.labels.items()} == {3: "left parotid", 9: "Parotis rechts"}
    np.testing.assert_array_equal(found.mask_zyx(3), square(1))


def renumbered(objects: Objects, value: int) -> list[LabelledObject]:
    return [replace(one, value=value) for one in objects.found]


def test_two_objects_of_one_name_are_both_kept():
    nodes = Objects(GRID, [*drawn(square(0), 1, "node").found, *drawn(square(4), 2, "node").found])
    found = consensus_of({"A": nodes, "B": nodes})
    for value, shift in ((1, 0), (2, 4)):
        np.testing.assert_array_equal(found.mask_zyx(value), square(shift))
