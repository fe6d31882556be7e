"""Mask files: what was found comes back to the bit, also from files of before; damage is told."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.errors import InputError
from volsweep.geometry import Plane
from volsweep.masks import LabelMasks, SliceMask
from volsweep.session.mask_file import read_masks, write_masks


def test_masks_come_back_with_their_scores(tmp_path, rng):
    logits = rng.normal(size=(4, 6)).astype(np.float16)
    full = SliceMask(3, (20, 30), 5, 7, logits, 0.83, 2.5, prompted=True)
    met = SliceMask(4, (20, 30), 0, 0, logits[:2, :3], 0.5, -1.0, agreement=0.7, expected_dice=0.66)
    empty = SliceMask(9, (20, 30), 0, 0, np.zeros((0, 0), np.float16), 0.1, -9.0)
    masks = {
        1: LabelMasks(Plane.AXIAL, {3: full, 4: met, 9: empty}),
        70: LabelMasks(Plane.SAGITTAL, {}),
    }
    write_masks(tmp_path / "m.npz", masks)
    again = read_masks(tmp_path / "m.npz")
    assert list(again) == [1, 70]
    assert again[70] == LabelMasks(Plane.SAGITTAL, {})
    for index, mask in masks[1].by_slice.items():
        found = again[1].by_slice[index]
        np.testing.assert_array_equal(found.logits, mask.logits)
        assert {**found.__dict__, "logits": 0} == {**mask.__dict__, "logits": 0}


def test_masks_of_before_anything_was_expected_of_them_are_read(tmp_path):
    mask = SliceMask(3, (20, 30), 5, 7, np.ones((2, 3), np.float16), 0.83, 2.5, expected_dice=0.9)
    write_masks(tmp_path / "new.npz", {1: LabelMasks(Plane.AXIAL, {3: mask})})
    with np.load(tmp_path / "new.npz") as file:
        arrays = {name: file[name][:, :3] if name == "1_real" else file[name] for name in file.files}
    np.savez_compressed(tmp_path / "old.npz", **arrays)
    found = read_masks(tmp_path / "old.npz")[1].by_slice[3]
    assert (found.iou, found.object_score, found.agreement, found.expected_dice) == (0.83, 2.5, None, None)


def test_damaged_masks_are_an_input_error(tmp_path):
    (tmp_path / "m.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_masks(tmp_path / "m.npz")


def test_masks_of_before_slices_were_filled_are_read(tmp_path):
    mask = SliceMask(3, (20, 30), 5, 7, np.ones((2, 3), np.float16), 0.8, 2.5, prompted=True, interpolated=True)
    write_masks(tmp_path / "new.npz", {1: LabelMasks(Plane.AXIAL, {3: mask})})
    with np.load(tmp_path / "new.npz") as file:
        arrays = {name: file[name][:, :4] if name == "1_whole" else file[name] for name in file.files}
    np.savez_compressed(tmp_path / "old.npz", **arrays)
    found = read_masks(tmp_path / "old.npz")[1].by_slice[3]
    assert (found.slice, found.top, found.left, found.prompted, found.interpolated) == (3, 5, 7, True, False)


def test_a_file_that_could_run_code_is_refused(tmp_path):
    np.savez(tmp_path / "m.npz", about=np.array([{"1": "an object"}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        read_masks(tmp_path / "m.npz")
