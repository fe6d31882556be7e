"""What is known of an object on some slices, as the maps that the refiner takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from volsweep.engine.body.space import PIXELS_PER_PLANE, PLANES_ANCHOR, Planes
from volsweep.engine.body.spheroid import ELONGATION, SHORT_AXIS, Ellipse, inside_box
from volsweep.engine.network.refiner import (
    APART,
    BEFORE,
    DEPTH,
    DRAWN,
    ELLIPSE,
    ELLIPSOID,
    ENDS,
    INSIDE,
    MAPS,
    NEGATIVE,
    OFFSET,
    OUT,
    POSITIVE,
    SIDE,
)
from volsweep.engine.slices.crop import mask_to_input
from volsweep.masks import SliceMask
from volsweep.prompts.kinds import Anchor, Box
from volsweep.prompts.recist import Recist

_FURTHEST = -2.0
"""Lowest value of the maps of ellipses: two radii beyond the border."""
_CELL = SIDE // OUT
"""Pixels along a side of what the maps average."""
_REACH = 0.15 * SIDE
"""Distance in pixels over which a click's map falls to 0."""
_LINE = 1.5
"""Half the width of a line in pixels."""
_BEYOND_END = 0.7
"""Planes by which the ellipsoid reaches beyond a told end: it is still there on the end's own plane."""
_SOFT = 4.0
"""Logits told of the body before are the tangent of this much of them."""

Ends = tuple[float | None, float | None]
"""Planes from the anchor's to the object's first and last one, each where it is told."""
NO_ENDS: Ends = (None, None)


@dataclass(frozen=True)
class OnPlane:
    """A box, line, two axes or a mask on the grid of the planes.

    Parameters
    ----------
    ellipse
        What it suggests on its plane, in pixels.
    map_yx
        (48, 48): 1 where it says that the object is, -1 where it says that it is not, 0 elsewhere.
    """

    ellipse: Ellipse
    map_yx: Tensor

    @staticmethod
    def box(edges: NDArray[np.float64]) -> OnPlane:
        """A box: left, top, right and bottom edge in pixels."""
        return OnPlane(Ellipse.in_box(edges), _averaged(inside_box(edges, SIDE).float() * 2 - 1))

    @staticmethod
    def line(ends_xyxy: NDArray[np.float64]) -> OnPlane:
        """A longest diameter: its ends in pixels. What lies beside it is not known."""
        ellipse = Ellipse.along(ends_xyxy, SHORT_AXIS)
        along, across = ellipse.places(SIDE)
        return OnPlane(ellipse, _averaged(((along.abs() <= ellipse.half[0]) & (across.abs() <= _LINE)).float()))

    @staticmethod
    def axes(ends_xyxy: NDArray[np.float64]) -> OnPlane:
        """Two crossing diameters: four ends, (8,), in pixels. Beside the box around their ellipse it is not."""
        ellipse = Ellipse.spanned(ends_xyxy)
        return OnPlane(ellipse, _averaged(inside_box(ellipse.edges, SIDE).float() * 2 - 1))

    @staticmethod
    def mask(mask_yx: NDArray[np.bool_]) -> OnPlane:
        """A mask (96, 96); an empty one says that the object is not on its plane."""
        rows, columns = np.nonzero(mask_yx.any(1))[0], np.nonzero(mask_yx.any(0))[0]
        edges = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) if len(rows) else np.zeros(4)
        return OnPlane(Ellipse.in_box(edges.astype(np.float64)), _averaged(torch.from_numpy(mask_yx).float() * 2 - 1))

    def first_maps(self, inside: Tensor, ends: Ends = NO_ENDS) -> Tensor:
        """Maps (10, 32, 48, 48) where this alone is known, drawn on the anchor's plane.

        Parameters
        ----------
        inside
            (32, 48, 48): how much of it is volume.
        ends
            Where the object is told to end.
        """
        planes = torch.arange(DEPTH) - float(PLANES_ANCHOR)
        squared = self.ellipse.squared_radius(OUT, _CELL)
        depth = ELONGATION * max(self.ellipse.half) / PIXELS_PER_PLANE
        before, after = (depth if end is None else abs(end) + _BEYOND_END for end in ends)
        along = planes / torch.where(planes < 0, before, after)
        maps = torch.zeros((MAPS, DEPTH, OUT, OUT))
        maps[ELLIPSOID] = (1 - (along.square()[:, None, None] + squared).sqrt()).clamp(min=_FURTHEST)
        maps[ELLIPSE] = (1 - squared.sqrt()).clamp(min=_FURTHEST)
        maps[OFFSET] = (planes / PLANES_ANCHOR)[:, None, None]
        maps[APART] = (planes.abs() / PLANES_ANCHOR)[:, None, None]
        maps[INSIDE] = inside
        maps[ENDS] = _within(planes, ends)[:, None, None]
        self.add(maps, PLANES_ANCHOR)
        return maps

    def add(self, maps: Tensor, plane: int) -> None:
        """Tell it on a plane, instead of what was drawn there."""
        maps[DRAWN, plane] = self.map_yx


def drawn_on(planes: Planes, drawn: Anchor | SliceMask) -> OnPlane:
    """What was drawn on a slice, on the grid of the planes."""
    if isinstance(drawn, SliceMask):
        return OnPlane.mask(mask_to_input(drawn.mask_yx(), planes.crop, torch.device("cpu"))[0, 0].numpy() > 0)
    if isinstance(drawn, Box):
        x0, y0, x1, y1 = drawn.box_xyxy
        return OnPlane.box(planes.pixels((x0, y0, x1 + 1, y1 + 1)))
    if isinstance(drawn, Recist):
        return OnPlane.axes(planes.pixels(np.array(drawn.axes_xyxy) + 0.5))
    return OnPlane.line(planes.pixels(np.array(drawn.line_xyxy) + 0.5))


def away_from(at_zyx: ArrayLike) -> Tensor:
    """Distance (32, 48, 48) in pixels of the body's cells from a click, or the nearest place (n, 3) of a stroke.

    `at_zyx` are plane, row and column, in pixels but for the plane; those of a stroke lie on one plane.
    """
    at = torch.from_numpy(np.atleast_2d(np.asarray(at_zyx, dtype=np.float32)))
    cells = (torch.arange(OUT) + 0.5) * _CELL
    rows, columns = ((cells - at[:, axis, None]).square() for axis in (1, 2))
    z = (torch.arange(DEPTH) - at[0, 0]) * PIXELS_PER_PLANE
    return (z.square()[:, None, None] + (rows[:, :, None] + columns[:, None]).amin(0)).sqrt()


def add_click(maps: Tensor, at_zyx: ArrayLike, positive: bool) -> None:
    """Tell of a click or a stroke: 1 there, falling with the distance in space.

    Parameters
    ----------
    maps
        (10, 32, 48, 48).
    at_zyx
        Plane, counted from 0, and row and column in pixels from the window's corner; (n, 3) along a stroke.
    positive
        Whether the object is there.
    """
    near = (1 - away_from(at_zyx) / _REACH).clamp(min=0)
    which = POSITIVE if positive else NEGATIVE
    maps[which] = torch.maximum(maps[which], near.to(maps.device))


def add_before(maps: Tensor, logits: Tensor) -> None:
    """Tell of the body (32, 48, 48) that is to be corrected."""
    maps[BEFORE] = torch.tanh(logits / _SOFT)


def _averaged(map_yx: Tensor) -> Tensor:
    """A map at full size (96, 96) at the body's (48, 48)."""
    return F.avg_pool2d(map_yx[None], _CELL)[0]


def _within(planes: Tensor, ends: Ends) -> Tensor:
    """1 on planes up to a told end, -1 beyond it, 0 on the side where none is told."""
    first, last = ends
    told = torch.zeros_like(planes)
    if first is not None:
        told = torch.where(planes <= 0, torch.where(planes < first - 0.5, -1.0, 1.0), told)
    if last is not None:
        told = torch.where(planes >= 0, torch.where(planes > last + 0.5, -1.0, 1.0), told)
    return told
