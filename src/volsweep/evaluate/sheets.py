"""Contact sheets: a strip of slices with truth and result outlined, for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from volsweep.evaluate.targets import Target
from volsweep.geometry import mask_box_xyxy

Strip = NDArray[np.uint8]
"""(height, width, 3)."""

TRUTH_COLOR = (0, 220, 120)
RESULT_COLOR = (255, 120, 0)
_TILE = 176
_TILES = 8
_GAP = 4
_TEXT = 16


def strip(target: Target, found_nyx: NDArray[np.bool_], frames_nyx: NDArray[np.float32]) -> Strip:
    """Picture a target: slices from where it or the result begins to where it or the result ends.

    Parameters
    ----------
    target
        The truth, outlined in green.
    found_nyx
        The result, outlined in orange.
    frames_nyx
        Grey values in [0, 1].
    """
    either = np.logical_or(target.masks_nyx, found_nyx)
    there = np.flatnonzero(either.any(axis=(1, 2)))
    x0, y0, x1, y1 = mask_box_xyxy(np.asarray(either.any(axis=0))) or (0, 0, 0, 0)
    _, row_mm, column_mm = target.spacing_nyx_mm
    side_mm = 1.4 * max((x1 - x0 + 1) * column_mm, (y1 - y0 + 1) * row_mm)
    corner_yx = ((y0 + y1) / 2 - side_mm / row_mm / 2, (x0 + x1) / 2 - side_mm / column_mm / 2)
    scale_yx = (side_mm / row_mm / _TILE, side_mm / column_mm / _TILE)
    chosen = set(np.linspace(there[0], there[-1], _TILES - 1).round().astype(int).tolist()) | {target.prompted_slice}
    tiles = []
    for index in sorted(chosen):
        grey, truth, result = (
            _resampled(image[index], corner_yx, scale_yx) for image in (frames_nyx, target.masks_nyx, found_nyx)
        )
        tile = np.repeat((grey * 255).astype(np.uint8)[..., None], 3, axis=2)
        tile[_outline(truth > 0.5)] = TRUTH_COLOR
        tile[_outline(result > 0.5)] = RESULT_COLOR
        text = f"{index}{' (prompted)' if index == target.prompted_slice else ''}"
        tiles.append(_written(tile, text))
    tiles += [np.full((_TILE, _TILE, 3), 255, dtype=np.uint8)] * (_TILES - len(tiles))
    return np.concatenate([np.pad(t, ((0, 0), (0, _GAP), (0, 0)), constant_values=255) for t in tiles], axis=1)


def contact_sheet(title: str, strips: Sequence[tuple[str, Strip]]) -> bytes:
    """Strips under their captions, as PNG."""
    width = max(s.shape[1] for _, s in strips) + 2 * _GAP
    height = 2 * _TEXT + sum(s.shape[0] + _TEXT + 2 * _GAP for _, s in strips)
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), title, fill="black")
    draw.text((width - 260, _GAP), "truth", fill=TRUTH_COLOR)
    draw.text((width - 210, _GAP), "result", fill=RESULT_COLOR)
    y = _TEXT + _GAP
    for caption, picture in strips:
        draw.text((_GAP, y), caption, fill="black")
        sheet.paste(Image.fromarray(picture), (_GAP, y + _TEXT))
        y += picture.shape[0] + _TEXT + 2 * _GAP
    out = BytesIO()
    sheet.save(out, format="PNG")
    return out.getvalue()


def _resampled(
    image_yx: NDArray[np.generic], corner_yx: tuple[float, float], scale_yx: tuple[float, float]
) -> NDArray[np.float64]:
    """A square of square pixels; linear, so that voxels are seen as the eye expects them."""
    return np.asarray(
        ndimage.affine_transform(
            image_yx.astype(np.float64), np.diag(scale_yx), corner_yx, output_shape=(_TILE, _TILE), order=1
        )
    )


def _outline(mask_yx: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(mask_yx & ~ndimage.binary_erosion(mask_yx))


def _written(tile: Strip, text: str) -> Strip:
    image = Image.fromarray(tile)
    ImageDraw.Draw(image).text((4, 2), text, fill=(255, 255, 0))
    return np.array(image)
