"""Windows of whole voxels: where they lie, what they show, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from volsweep.engine.slices.crop import Crop, CropLogits, logits_to_slice, mask_to_input, mask_to_logit_grid
from volsweep.masks import ABSENT_LOGIT

CPU = torch.device("cpu")


def test_a_window_is_square_in_mm_and_centred_on_its_box():
    # 40 columns of 0.5 mm and 10 rows of 2 mm: both sides 20 mm, the window 60 mm.
    crop = Crop.around((100, 50, 139, 59), (2.0, 0.5), zoom=3, size=64)
    assert (crop.width * 0.5, crop.height * 2.0) == (60, 60)
    assert crop.left + crop.width / 2 == (100 + 140) / 2
    assert crop.top + crop.height / 2 == (50 + 60) / 2


def test_a_window_is_never_smaller_than_16_voxels_or_what_is_asked():
    assert Crop.around((5, 5, 5, 5), (1.0, 1.0), zoom=2, size=64).width == 16
    assert Crop.around((5, 5, 5, 5), (1.0, 1.0), zoom=2, size=64, min_side_mm=50).width == 50


def test_corners_of_the_window_are_corners_of_the_models_input():
    crop = Crop(left=10, top=-4, width=32, height=16, size=64)
    # Outer edges lie half a voxel, and half a pixel, from the outermost centres.
    assert crop.to_model_xy([[9.5, -4.5], [41.5, 11.5]]).tolist() == [[-0.5, -0.5], [63.5, 63.5]]
    assert crop.to_model_xy([25.5, 3.5]).tolist() == [31.5, 31.5]
    whole = Crop.whole((16, 32), 64)
    assert whole.to_model_xy([31.5, 15.5]).tolist() == [63.5, 63.5]


@pytest.mark.parametrize(("left", "top"), [(-3, -2), (4, 5), (0, 0), (-20, 3), (30, 30)])
def test_what_is_cut_is_the_slice_padded_with_zeros(rng, left, top):
    image = rng.uniform(1, 2, (12, 10)).astype(np.float32)
    crop = Crop(left, top, width=8, height=6, size=64)
    wide = np.pad(image, 40)
    expected = wide[40 + top : 46 + top, 40 + left : 48 + left]
    np.testing.assert_array_equal(crop.cut(image), expected)
    rows, columns = crop.inside(image.shape)
    assert image[rows, columns].size == np.count_nonzero(expected)


@pytest.mark.parametrize(("left", "top"), [(-3, -2), (4, 5), (0, 0)])
def test_logits_go_back_to_where_they_were_cut(rng, left, top):
    image = rng.uniform(1, 2, (12, 10)).astype(np.float32)
    crop = Crop(left, top, width=8, height=6, size=64)
    back = CropLogits(crop, crop.cut(image)).over(image.shape)
    seen = np.zeros(image.shape, dtype=bool)
    seen[max(top, 0) : top + 6, max(left, 0) : left + 8] = True
    np.testing.assert_array_equal(back, np.where(seen, image, ABSENT_LOGIT))


@pytest.mark.parametrize(
    ("box", "reaches"),
    [
        ((30, 30, 49, 49), False),
        ((21, 30, 49, 49), True),
        ((30, 21, 49, 49), True),
        ((30, 30, 58, 49), True),
        ((30, 30, 49, 58), True),
    ],
)
def test_an_object_that_comes_near_an_edge(box, reaches):
    crop = Crop(left=20, top=20, width=40, height=40, size=64)
    assert crop.reaches_edge(box, (100, 100), margin=0.05) is reaches
    # Where the slice ends, nothing lies beyond.
    assert not Crop.whole((40, 40), 64).reaches_edge((0, 0, 39, 39), (40, 40), margin=0.05)


def test_masks_keep_their_area_and_place():
    rows, columns = np.mgrid[:50, :60]
    mask = (rows - 24) ** 2 + (columns - 31) ** 2 <= 12**2
    crop = Crop(left=11, top=4, width=40, height=40, size=160)
    model = mask_to_input(mask, crop, CPU)
    assert model.shape == (1, 1, 160, 160)
    assert set(model.unique().tolist()) == {0, 1}
    assert float(model.sum()) == pytest.approx(16 * mask.sum(), rel=0.03)
    middle = model[0, 0].nonzero().double().mean(0).flip(0).numpy()
    np.testing.assert_allclose(middle, crop.to_model_xy([31, 24]), atol=0.2)
    np.testing.assert_array_equal(mask_to_logit_grid(mask, crop), mask[4:44, 11:51])


def test_a_thin_mask_does_not_vanish():
    mask = np.zeros((256, 256), dtype=bool)
    mask[100, 20:200] = True
    assert mask_to_logit_grid(mask, Crop.whole(mask.shape, 64)).any()
    assert not mask_to_logit_grid(np.zeros_like(mask), Crop.whole(mask.shape, 64)).any()


def test_logits_are_resampled_between_centres():
    """A slope stays the same slope: bilinear, edges on edges."""
    logits = torch.arange(16, dtype=torch.float32).expand(1, 16, 16)
    out = logits_to_slice(logits, Crop(0, 0, width=32, height=20, size=64))
    assert (out.shape, out.dtype) == ((20, 32), np.float32)
    expected = ((np.arange(32) + 0.5) / 2 - 0.5).clip(0, 15)
    np.testing.assert_allclose(out, np.broadcast_to(expected, out.shape), atol=1e-5)
