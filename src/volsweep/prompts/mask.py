"""A drawn mask, or the mask that clicks correct, on one slice."""

from __future__ import annotations

import base64
import math
import zlib
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from volsweep.errors import PromptError
from volsweep.geometry import BoxXYXY, FloatArray, Plane, mask_box_xyxy
from volsweep.prompts.base import OnSlice


def packed(mask: NDArray[np.bool_]) -> str:
    """A mask's bits, the last axis first, zlib-packed, as text; nothing of one without voxels."""
    return base64.b64encode(zlib.compress(np.packbits(mask).tobytes(), 9)).decode("ascii") if mask.size else ""


def unpacked(bits: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask of a shape that `packed` made bits of.

    Raises
    ------
    ValueError
        If they are damaged, or too few.
    """
    count = math.prod(shape)
    try:
        raw = base64.b64decode(bits, validate=True)
        # Bounded: a few bytes must not unpack to gigabytes.
        found = zlib.decompressobj().decompress(raw, max((count + 7) // 8, 1)) if raw else b""
    except (ValueError, zlib.error) as error:
        raise ValueError(f"the mask's bits are damaged ({error})") from error
    if len(found) * 8 < count:
        raise ValueError("the mask's bits end early")
    return np.unpackbits(np.frombuffer(found, dtype=np.uint8), count=count).reshape(shape).astype(bool)


class Mask(OnSlice):
    """A drawn mask, kept verbatim; or, with `verbatim` false, the mask that clicks correct.

    The mask is stored as its bounding box and zlib-packed bits, row by row.
    """

    is_painted: ClassVar[bool] = True

    kind: Literal["mask"] = "mask"
    shape_yx: tuple[int, int]
    origin_xy: tuple[int, int] = (0, 0)
    size_xy: tuple[int, int] = (0, 0)
    bits: str = ""
    verbatim: bool = True

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        (rows, columns), (x, y), (width, height) = self.shape_yx, self.origin_xy, self.size_xy
        if min(rows, columns) < 1 or min(x, y, width, height) < 0 or x + width > columns or y + height > rows:
            raise ValueError(f"mask of {width}x{height} at {self.origin_xy} does not fit a slice of {columns}x{rows}")
        if rows * columns > 2**28:
            raise ValueError(f"a slice of {columns}x{rows} is not plausible")
        unpacked(self.bits, (height, width))
        return self

    @staticmethod
    def from_array(
        mask_yx: NDArray[np.bool_], *, label: int, slice: int, plane: Plane | str = Plane.AXIAL, verbatim: bool = True
    ) -> Mask:
        """Pack a boolean mask (rows, columns) of a whole slice."""
        mask = np.asarray(mask_yx, dtype=bool)
        if mask.ndim != 2:
            raise PromptError(f"a mask prompt is 2D (rows, columns), not shape {mask.shape}")
        box = mask_box_xyxy(mask) or (0, 0, -1, -1)
        x0, y0, x1, y1 = (int(v) for v in box)
        inner = mask[y0 : y1 + 1, x0 : x1 + 1]
        return Mask(
            label=label,
            plane=Plane(plane),
            slice=slice,
            shape_yx=(mask.shape[0], mask.shape[1]),
            origin_xy=(x0, y0),
            size_xy=(x1 - x0 + 1, y1 - y0 + 1),
            bits=packed(inner),
            verbatim=verbatim,
        )

    def to_array(self) -> NDArray[np.bool_]:
        """The mask on its whole slice, (rows, columns)."""
        mask = np.zeros(self.shape_yx, dtype=bool)
        (x, y), (width, height) = self.origin_xy, self.size_xy
        mask[y : y + height, x : x + width] = unpacked(self.bits, (height, width))
        return mask

    @property
    def is_there(self) -> bool:
        """Whether it has voxels."""
        return self.extent_xyxy() is not None

    def points_xy(self) -> FloatArray:
        """None, (0, 2): a mask is voxels."""
        return np.zeros((0, 2))

    def _check_on_slice(self, shape_yx: tuple[int, int]) -> None:
        if self.shape_yx != shape_yx:
            raise PromptError(f"a mask of {self.shape_yx} does not fit {self.plane} slices of {shape_yx}")

    def replaces(self, other: OnSlice) -> bool:  # noqa: ARG002
        """A mask replaces all that was given on its slice."""
        return True

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float] = (1.0, 1.0)) -> BoxXYXY | None:  # noqa: ARG002
        """Tight box of the mask; None where it is empty (the label is not on this slice)."""
        if not (self.size_xy[0] and self.size_xy[1]):
            return None
        (x, y), (width, height) = self.origin_xy, self.size_xy
        return float(x), float(y), float(x + width - 1), float(y + height - 1)
