"""What goes over the line comes back to the bit, however it was cut; what is damaged is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from volsweep.errors import ServerError
from volsweep.geometry import Grid, Plane
from volsweep.masks import SliceMask
from volsweep.remote.wire import (
    Place,
    VolumeHead,
    labels_of,
    mask_of,
    mask_parts,
    pack,
    runs_of,
    slice_frame,
    unpack,
    volume_key,
)  # fmt: skip
from volsweep.volume import Volume


@settings(max_examples=60)
@given(
    arrays(np.uint16, st.tuples(st.integers(0, 5), st.integers(0, 7)), elements=st.sampled_from([0, 0, 0, 1, 65535]))
)
def test_labels(labels):
    np.testing.assert_array_equal(labels_of(runs_of(labels), labels.shape), labels)


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ServerError):
        labels_of(runs_of(np.ones((3, 3), np.uint16)), (3, 4))
    with pytest.raises(ServerError):
        labels_of(b"12345", (1,))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=40)), max_size=5), st.integers(1, 30))
def test_frames_however_they_are_cut(told, size):
    sent = b"".join(pack("x", {"text": text}, body) for text, body in told)
    found = list(unpack(sent[start : start + size] for start in range(0, len(sent), size)))
    assert [(head["text"], body) for head, body in found] == told


def test_frames_that_end_early_or_are_none():
    sent = pack("x", {}, b"body")
    with pytest.raises(ServerError, match="ends early"):
        list(unpack([sent[:-1]]))
    with pytest.raises(ServerError, match="not understood"):
        list(unpack([b"<html>nothing of ours"]))


@pytest.mark.parametrize("drawn", [0, 3, "array"])
def test_masks_to_the_bit(rng, drawn):
    logits = rng.normal(size=(5, 4)).astype(np.float16)
    made = rng.integers(0, 9, (5, 4)).astype(np.int32) if drawn == "array" else drawn
    mask = SliceMask(7, (30, 31), 3, 4, logits, 0.1 + 0.2, np.float32(1 / 3), True, None, True, 0.7, made)
    head, body = mask_parts(mask)
    ((head, body),) = unpack([pack("mask", head, body)])
    again = mask_of(head, body)
    np.testing.assert_array_equal(again.logits, mask.logits)
    np.testing.assert_array_equal(again.drawn, mask.drawn)
    for name in (
        "slice",
        "shape_yx",
        "top",
        "left",
        "iou",
        "object_score",
        "prompted",
        "agreement",
        "interpolated",
        "expected_dice",
    ):
        assert getattr(again, name) == getattr(mask, name), name
    assert again.logits.flags.writeable == mask.logits.flags.writeable


def test_a_damaged_mask(rng):
    head, body = mask_parts(SliceMask(1, (9, 9), 0, 0, np.ones((3, 3), np.float16), 1.0, 1.0))
    for wrong in ({**head, "size_yx": [900, 900]}, {k: v for k, v in head.items() if k != "iou"}):
        with pytest.raises(ServerError):
            mask_of(wrong, body)
    with pytest.raises(ServerError):
        mask_of(head, b"junk")


def test_a_slice_is_cut_to_its_box():
    labels = np.zeros((9, 9), np.uint16)
    labels[2:4, 5] = 3
    ((head, body),) = unpack([slice_frame(Plane.AXIAL, 4, labels)])
    assert head["box"] == [2, 5, 2, 1]
    np.testing.assert_array_equal(labels_of(body, (2, 1)), [[3], [3]])


def test_grids_and_keys():
    grid = Grid.axis_aligned((3, 2, 2), (1 / 3, 0.7, 0.1))
    uneven = Grid(grid.shape_zyx, grid.affine, np.array([[0, 0, 0], [0, 0, 0.2], [0, 0, 2 / 3]]))
    array = np.zeros(grid.shape_zyx, np.int16)
    for one in (grid, uneven):
        again = Place.model_validate_json(Place.of(one).model_dump_json()).grid()
        np.testing.assert_array_equal(again.affine, one.affine)
        assert again.is_regular == one.is_regular
    keys = {
        volume_key(Volume(array, grid)),
        volume_key(Volume(array, uneven)),
        volume_key(Volume(array, grid, "CT")),
        volume_key(Volume(array + 1, grid)),
        volume_key(Volume(array.astype(np.int32), grid)),
    }
    assert len(keys) == 5
    head = VolumeHead.of(Volume(array, grid, "CT"))
    np.testing.assert_array_equal(head.volume(array.tobytes()).array_zyx, array)
