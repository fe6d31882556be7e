"""What is known of an object on some slices, and the body that the 3D network predicts from it.

A box or a mask on one slice makes a first guess, a spheroid; the network (`volsweep.engine.network.body_net`) corrects
it by what it sees in the block around it, told in maps of what was prompted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.body.space import BLOCK_ANCHOR, Block, Body
from volsweep.engine.body.spheroid import (
    Ellipse,
    Outline,
    around_line,
    beside_line,
    box_outline,
    ellipse_outline,
    inside_box,
    line_outline,
)
from volsweep.engine.network.body_net import CLICKS, DEPTH, MAPS, MASKS, SHAPES, SIDE, SPHEROID, BodyNet
from volsweep.engine.network.device import bfloat16_pays
from volsweep.engine.slices.crop import Crop, mask_to_logit_grid
from volsweep.engine.slices.others import Others
from volsweep.engine.slices.view import ByteCache, Frames
from volsweep.geometry import BoxXYXY
from volsweep.masks import SliceMask
from volsweep.prompts.extent import NO_ENDS, Ends
from volsweep.prompts.kinds import Anchor, Box, Click, Prompt
from volsweep.prompts.recist import Recist

_CLICK, _FAINT = 1.2, 0.01
"""Radius of a click's ball in voxels, and what is left of it at its rim."""
_PLACES = 16
"""Balls along a stroke, at most."""
_LINE = 0.7
"""Half the width of a line in voxels."""
_CACHE_BYTES = 32 * 2**20


@dataclass(frozen=True)
class KnownSlice:
    """What is known of one slice: a box around the object, its longest diameter, both axes, or its mask.

    Parameters
    ----------
    slice
        Which.
    drawn
        The box, line or axes that were drawn, or the mask that is known; None where there are clicks alone.
    clicks
        Points and strokes given there.
    ends
        The object's first and last slice, each where it is told.
    others
        Voxels that it does not hold, for others do.
    turns
        When each of the clicks was given, among all that was said of the object; () where nothing says.
    found
        The mask that its clicks correct, where a sweep found it and nobody drew it.
    """

    slice: int
    drawn: Anchor | SliceMask | None
    clicks: tuple[Click, ...] = ()
    ends: Ends = NO_ENDS
    others: Others | None = None
    turns: tuple[int, ...] = ()
    found: SliceMask | None = None

    @staticmethod
    def of(prompts: Sequence[Prompt], mask: SliceMask | None) -> KnownSlice | None:
        """Tell from the prompts of a slice and the mask they made; a box or line alone needs none.

        None where there is neither.
        """
        if len(prompts) == 1 and isinstance(prompts[0], Anchor):
            return KnownSlice(prompts[0].slice, prompts[0])
        if mask is None:
            return None
        return KnownSlice(mask.slice, mask, tuple(p for p in prompts if isinstance(p, Click)))

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float]) -> BoxXYXY | None:
        """Bounding box of the object, inclusive voxel centres; None where nothing is drawn."""
        if self.drawn is None:
            return None
        if isinstance(self.drawn, SliceMask):
            return self.drawn.box_xyxy
        if isinstance(self.drawn, Box | Recist):
            return self.drawn.extent_xyxy(spacing_yx_mm)
        # The ellipse along a line is one in mm.
        voxel_xyxy_mm = np.tile(spacing_yx_mm[::-1], 2)
        x0, y0, x1, y1 = (around_line(np.array(self.drawn.line_xyxy) * voxel_xyxy_mm) / voxel_xyxy_mm).tolist()
        return x0, y0, x1, y1


@dataclass(frozen=True)
class Drawn:
    """A box, line, two axes or a mask on a block's grid.

    Parameters
    ----------
    outline
        Makes what it suggests on its plane; a mask's costs a distance transform, and is asked for only by `begin`.
    kind
        Which of the maps it belongs to.
    map_yx
        (32, 32): the map, on its plane.
    """

    outline: Callable[[], Outline]
    kind: int
    map_yx: Tensor

    @staticmethod
    def box(edges: NDArray[np.float64]) -> Drawn:
        """A box (left, top, right, bottom edge in block voxels): 1 inside, -1 beside it."""
        return Drawn(partial(box_outline, edges, SIDE), SHAPES, inside_box(edges, SIDE).float() * 2 - 1)

    @staticmethod
    def line(ends_xyxy: NDArray[np.float64]) -> Drawn:
        """A longest diameter (ends in block voxels): 1 along it."""
        along, across, long = beside_line(ends_xyxy, SIDE)
        on = (along.abs() <= long) & (across.abs() <= _LINE)
        return Drawn(partial(line_outline, ends_xyxy, SIDE), SHAPES, on.float())

    @staticmethod
    def axes(ends_xyxy: NDArray[np.float64]) -> Drawn:
        """Two crossing diameters (four ends, (8,), in block voxels): the box around their ellipse."""
        ellipse = Ellipse.spanned(ends_xyxy)
        outline = partial(ellipse_outline, ellipse, SIDE)
        return Drawn(outline, SHAPES, inside_box(ellipse.edges, SIDE).float() * 2 - 1)

    @staticmethod
    def mask(mask_yx: NDArray[np.bool_]) -> Drawn:
        """A mask (32, 32): 1 inside, -1 beside it."""
        return Drawn(partial(Outline.of, mask_yx), MASKS, torch.from_numpy(mask_yx).float() * 2 - 1)

    def begin(self, maps: Tensor) -> None:
        """Make it what maps (4, 48, 32, 32) start from: on the anchor's plane, with the spheroid over it."""
        outline = self.outline()
        shrunk = [outline.shrunk_after(abs(k - BLOCK_ANCHOR)) for k in range(DEPTH)]
        maps[SPHEROID] = torch.stack([outline.section(s) for s in shrunk])
        self.add(maps, BLOCK_ANCHOR)

    def add(self, maps: Tensor, plane: int) -> None:
        """Add it on a plane, instead of what was drawn there."""
        maps[[MASKS, SHAPES], plane] = 0
        maps[self.kind, plane] = self.map_yx


def prompt_maps(block: Block, known: Sequence[KnownSlice]) -> Tensor:
    """What was prompted, as maps (4, 48, 32, 32) (see `BodyNet`): the spheroid is that of the first.

    Beyond a told end the object is not, as on a slice where it was said not to be.
    """
    maps = torch.zeros((MAPS, DEPTH, SIDE, SIDE))
    for end, beyond in zip(known[0].ends, (-1, 1), strict=True):
        if end is not None:
            plane = round(block.plane(end) + beyond * max(1.0, block.planes_per_slice))
            if 0 <= plane < DEPTH and plane != BLOCK_ANCHOR:
                maps[MASKS, plane] = -1
    if known[0].others is not None:
        _tell_others(maps, block, known[0].others)
    for one in known:
        if not block.holds(one.slice):
            continue
        plane = round(block.plane(one.slice))
        if one.drawn is not None:
            drawn = _on_grid(block.crop, one.drawn)
            if one is known[0]:
                drawn.begin(maps)
            elif plane != BLOCK_ANCHOR:
                # Slices closer than planes share one: the first stays where it is, of the others the last counts.
                drawn.add(maps, plane)
        for click in one.clicks:
            for place_xy in click.along_xy(_PLACES):
                x, y = _in_block(place_xy + 0.5, block.crop) - 0.5
                paint_click(maps[CLICKS], (plane, y, x), click.positive)
    return maps


def _tell_others(maps: Tensor, block: Block, others: Others) -> None:
    """What others hold the object does not, as on a slice where it was said not to be."""
    for plane, index in enumerate(block.nearest(others.shape_nyx[0])):
        shares = None if index is None else others.shares(index, block.crop, SIDE)
        if shares is not None:
            maps[MASKS, plane] = torch.where(shares > 0.5, -1, maps[MASKS, plane])


def paint_click(map_zyx: Tensor, at_zyx: Sequence[float], positive: bool) -> None:
    """Add a click to a map: a small ball of 1, or of -1 for a negative one."""
    ranges = [torch.arange(n, device=map_zyx.device) - at for n, at in zip(map_zyx.shape, at_zyx, strict=True)]
    z, y, x = (r.square() for r in ranges)
    ball = torch.exp(-(z[:, None, None] + y[:, None] + x) / (2 * _CLICK**2))
    ball = torch.where(ball > _FAINT, ball, 0) * (1 if positive else -1)
    map_zyx[...] = torch.where(ball.abs() > map_zyx.abs(), ball, map_zyx)


def _on_grid(crop: Crop, drawn: Anchor | SliceMask) -> Drawn:
    """What was drawn, on the block's grid."""
    if isinstance(drawn, SliceMask):
        return Drawn.mask(mask_to_logit_grid(drawn.mask_yx(), crop))
    if isinstance(drawn, Box):
        x0, y0, x1, y1 = drawn.extent_xyxy()
        return Drawn.box(_in_block(np.array([x0, y0, x1 + 1, y1 + 1]), crop))
    if isinstance(drawn, Recist):
        return Drawn.axes(_in_block(np.array(drawn.axes_xyxy) + 0.5, crop))
    return Drawn.line(_in_block(np.array(drawn.line_xyxy) + 0.5, crop))


def _in_block(edges: NDArray[np.float64], crop: Crop) -> NDArray[np.float64]:
    """Positions (x, y, ...) counted from the first voxel's edge, in block voxels."""
    pairs = edges.reshape(-1, 2)
    return np.asarray((pairs - [crop.left, crop.top]) * SIDE / np.array([crop.width, crop.height])).reshape(-1)


class BodyPredictor:
    """The 3D network over one plane of a volume, remembering what it predicted.

    Parameters
    ----------
    net
        The network.
    frames
        The plane's slices.
    """

    def __init__(self, net: BodyNet, frames: Frames) -> None:
        self._net = net
        self._frames = frames
        self._grey: ByteCache[_Grey] = ByteCache(_CACHE_BYTES)
        self._bodies: ByteCache[Body] = ByteCache(_CACHE_BYTES)

    def predict(self, known: Sequence[KnownSlice]) -> Body:
        """The body that fits what is known; run under `VolsweepNet.running`.

        Parameters
        ----------
        known
            The block is put around the first. Those outside it say nothing.
        """
        key = tuple(known)
        found = self._bodies.get(key)
        if found is None:
            extent = known[0].extent_xyxy(self._frames.spacing_yx_mm)
            assert extent is not None, "an absent object has no body"
            block = Block.around(extent, known[0].slice, self._frames)
            device = next(self._net.parameters()).device
            grey = self._shown(block).to(device)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)):
                logits = self._net(grey[None], prompt_maps(block, known)[None].to(device))[0, 0].cpu()
            found = Body(block, logits)
            self._bodies.put(key, found)
        return found

    def _shown(self, block: Block) -> Tensor:
        found = self._grey.get(block)
        if found is None:
            found = _Grey(block.grey(self._frames))
            self._grey.put(block, found)
        return found.maps


@dataclass(frozen=True)
class _Grey:
    maps: Tensor

    @property
    def nbytes(self) -> int:
        return self.maps.numel() * self.maps.element_size()
