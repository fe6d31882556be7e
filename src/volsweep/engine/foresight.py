"""What the prompted slices lead one to expect of a body: a block around them, seen by a 3D network at once.

The block is a cube-voxelled box of space: in plane the window that SAM 2 looks through, across the
slices half as long again. A box or a mask on one slice makes a first guess, a spheroid; the network
(`volsweep.engine.foresight_net`) corrects it by what it sees in the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.crop import LOGIT_STRIDE, BoxXYXY, Crop
from volsweep.engine.cache import ByteCache
from volsweep.engine.features import model_input
from volsweep.engine.foresight_net import CLICKS, DEPTH, FINE, HINTS, MASKS, SHAPES, SIDE, SPHEROID, ForesightNet
from volsweep.engine.frames import Frames
from volsweep.engine.heads import mask_to_logit_grid
from volsweep.engine.precision import bfloat16_pays
from volsweep.engine.result import SliceMask
from volsweep.engine.spheroid import Outline, around_line, box_outline, line_outline
from volsweep.prompts import Box, Line, Point, Prompt

ZOOM = 2.2
"""Side of the block over the longer side of what was prompted."""
ANCHOR = DEPTH // 2
"""The plane of the slice that the block is put around."""
_CACHE_BYTES = 32 * 2**20
_CLICK, _FAINT = 1.2, 0.01
"""Radius of a click's ball in voxels, and what is left of it at its rim."""
_LINE = 0.7
"""Half the width of a line in voxels."""


@dataclass(frozen=True)
class Block:
    """Where a block lies.

    Parameters
    ----------
    crop
        Its window.
    anchor
        The slice it is put around.
    planes_per_slice
        Distance between slices over that between planes.
    """

    crop: Crop
    anchor: int
    planes_per_slice: float

    @staticmethod
    def around(box_xyxy: BoxXYXY, anchor: int, frames: Frames) -> Block:
        """The block for a target with this bounding box on slice `anchor`."""
        crop = Crop.around(box_xyxy, frames.spacing_yx_mm, ZOOM, SIDE * LOGIT_STRIDE)
        return Block(crop, anchor, frames.spacing_mm * SIDE / (crop.width * frames.spacing_yx_mm[1]))

    def plane(self, slice_index: int) -> float:
        """Where a slice lies, in planes."""
        return ANCHOR + (slice_index - self.anchor) * self.planes_per_slice

    def holds(self, slice_index: int) -> bool:
        """Whether a slice lies within."""
        return 0 <= round(self.plane(slice_index)) < DEPTH

    def grey(self, frames: Frames) -> Tensor:
        """What it shows: (2, 48, 64, 64), grey values in [0, 1], and 1 where there is image."""
        window = replace(self.crop, size=FINE)
        # Two slices a plane are enough to average over.
        stride = max(1, int(0.5 / self.planes_per_slice))
        reach = int((ANCHOR + 2) / self.planes_per_slice) // stride + 1
        indices = self.anchor + stride * np.arange(-reach, reach + 1)
        indices = indices[(indices >= 0) & (indices < len(frames))]
        shown = torch.cat([model_input(frames[int(i)], window) for i in indices])[:, 0]
        planes = np.arange(DEPTH)
        at = ANCHOR + (indices - self.anchor) * self.planes_per_slice
        weights = np.clip(1 - np.abs(planes[:, None] - at) / max(1.0, stride * self.planes_per_slice), 0, None)
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-6)
        first, last = self.plane(0), self.plane(len(frames) - 1)
        half = self.planes_per_slice / 2
        there = torch.from_numpy((planes > first - half) & (planes < last + half))
        in_plane = model_input(np.ones(frames.shape_yx, dtype=np.float32), window)[0, 0] > 0.5
        inside = (there[:, None, None] & in_plane).float()
        grey = torch.einsum("ks,syx->kyx", torch.from_numpy(weights.astype(np.float32)), shown)
        return torch.stack([grey * inside, inside])


@dataclass(frozen=True)
class Hint:
    """What is known of one slice: a box around the object, its longest diameter, or its mask.

    Parameters
    ----------
    slice
        Which.
    drawn
        The box or line that was drawn, or the mask that is known; None where there are clicks alone.
    clicks
        Points given there.
    """

    slice: int
    drawn: Box | Line | SliceMask | None
    clicks: tuple[Point, ...] = ()

    @staticmethod
    def of(prompts: Sequence[Prompt], mask: SliceMask | None) -> Hint | None:
        """Tell from the prompts of a slice and the mask they made; a box or line alone needs none.

        None where there is neither.
        """
        if len(prompts) == 1 and isinstance(prompts[0], Box | Line):
            return Hint(prompts[0].slice, prompts[0])
        if mask is None:
            return None
        return Hint(mask.slice, mask, tuple(p for p in prompts if isinstance(p, Point)))

    def extent_xyxy(self, spacing_yx_mm: tuple[float, float]) -> BoxXYXY | None:
        """Bounding box of the object, inclusive voxel centres; None where nothing is drawn."""
        if self.drawn is None:
            return None
        if isinstance(self.drawn, SliceMask):
            return self.drawn.box_xyxy
        if isinstance(self.drawn, Box):
            return self.drawn.extent_xyxy()
        # The ellipse along a line is one in mm.
        voxel_xyxy_mm = np.tile(spacing_yx_mm[::-1], 2)
        x0, y0, x1, y1 = (around_line(np.array(self.drawn.line_xyxy) * voxel_xyxy_mm) / voxel_xyxy_mm).tolist()
        return x0, y0, x1, y1


@dataclass(frozen=True)
class Foreseen:
    """An object's body in a block.

    Parameters
    ----------
    block
        Where it lies.
    logits
        (48, 32, 32) float32: above 0 is object.
    """

    block: Block
    logits: Tensor

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.logits.numel() * self.logits.element_size()

    def section(self, slice_index: int, crop: Crop) -> Tensor:
        """Logits (S/4, S/4) of a slice, in a window of size S; beyond the block its border goes on."""
        place = float(np.clip(self.block.plane(slice_index), 0, DEPTH - 1))
        before = min(int(place), DEPTH - 2)
        flat = torch.lerp(self.logits[before], self.logits[before + 1], place - before)
        own = self.block.crop
        if crop == own:
            return flat
        side = crop.size // LOGIT_STRIDE
        axes = []
        for start, extent, first, length in (
            (crop.left, crop.width, own.left, own.width),
            (crop.top, crop.height, own.top, own.height),
        ):
            centres = start + (torch.arange(side) + 0.5) * extent / side
            axes.append((centres - first) / length * 2 - 1)
        grid = torch.stack(torch.meshgrid(axes[1], axes[0], indexing="ij")[::-1], dim=-1)[None]
        return F.grid_sample(flat[None, None], grid, padding_mode="border", align_corners=False)[0, 0]


class Foresight:
    """The 3D network over one plane of a volume, remembering what it foresaw.

    Parameters
    ----------
    net
        The network.
    frames
        The plane's slices.
    """

    def __init__(self, net: ForesightNet, frames: Frames) -> None:
        self._net = net
        self._frames = frames
        self._grey: ByteCache[_Grey] = ByteCache(_CACHE_BYTES)
        self._foreseen: ByteCache[Foreseen] = ByteCache(_CACHE_BYTES)

    def foresee(self, hints: Sequence[Hint]) -> Foreseen:
        """The body that fits the hints; run under `Network.running`.

        Parameters
        ----------
        hints
            The block is put around the first. Those outside it say nothing.
        """
        key = tuple(hints)
        found = self._foreseen.get(key)
        if found is None:
            extent = hints[0].extent_xyxy(self._frames.spacing_yx_mm)
            assert extent is not None, "an absent object has no body"
            block = Block.around(extent, hints[0].slice, self._frames)
            device = next(self._net.parameters()).device
            grey = self._shown(block).to(device)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)):
                logits = self._net(grey[None], hint_maps(block, hints)[None].to(device))[0, 0].cpu()
            found = Foreseen(block, logits)
            self._foreseen.put(key, found)
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


def hint_maps(block: Block, hints: Sequence[Hint]) -> Tensor:
    """What was prompted, as maps (4, 48, 32, 32) (see `ForesightNet`): the spheroid is that of the first."""
    maps = torch.zeros((HINTS, DEPTH, SIDE, SIDE))
    for hint in hints:
        if not block.holds(hint.slice):
            continue
        plane = round(block.plane(hint.slice))
        if hint.drawn is not None:
            outline, kind, shape = _drawn(block.crop, hint.drawn)
            if hint is hints[0]:
                maps[SPHEROID] = spheroid(outline)
            if hint is hints[0] or plane != ANCHOR:
                # Slices closer than planes share one: the first stays where it is, of the others the last counts.
                maps[1:3, plane] = 0
                maps[kind, plane] = shape
        for click in hint.clicks:
            x, y = _in_block(np.array(click.point_xy) + 0.5, block.crop) - 0.5
            paint_click(maps[CLICKS], (plane, y, x), click.positive)
    return maps


def spheroid(outline: Outline) -> Tensor:
    """The spheroid over an outline on the anchor's plane: logits (48, 32, 32)."""
    return torch.stack([outline.section(outline.shrunk_after(abs(k - ANCHOR))) for k in range(DEPTH)])


def paint_click(map_zyx: Tensor, at_zyx: Sequence[float], positive: bool) -> None:
    """Add a click to a map: a small ball of 1, or of -1 for a negative one."""
    ranges = [torch.arange(n, device=map_zyx.device) - at for n, at in zip(map_zyx.shape, at_zyx, strict=True)]
    z, y, x = (r.square() for r in ranges)
    ball = torch.exp(-(z[:, None, None] + y[:, None] + x) / (2 * _CLICK**2))
    ball = torch.where(ball > _FAINT, ball, 0) * (1 if positive else -1)
    map_zyx[...] = torch.where(ball.abs() > map_zyx.abs(), ball, map_zyx)


def box_map(edges: NDArray[np.float64]) -> Tensor:
    """1 inside a box (left, top, right, bottom edge), -1 beside it: (32, 32)."""
    centres = torch.arange(SIDE) + 0.5
    x0, y0, x1, y1 = edges.tolist()
    inside: Tensor = ((centres >= y0) & (centres <= y1))[:, None] & ((centres >= x0) & (centres <= x1))
    return inside.float() * 2 - 1


def line_map(ends_xyxy: NDArray[np.float64]) -> Tensor:
    """1 along a line: (32, 32)."""
    middle, half = (ends_xyxy[:2] + ends_xyxy[2:]) / 2, (ends_xyxy[2:] - ends_xyxy[:2]) / 2
    long = max(float(np.hypot(*half)), 0.5)
    cos, sin = half / long
    centres = torch.arange(SIDE) + 0.5
    x, y = (centres - middle[0])[None, :], (centres - middle[1])[:, None]
    on: Tensor = ((x * cos + y * sin).abs() <= long) & ((y * cos - x * sin).abs() <= _LINE)
    return on.float()


def _drawn(crop: Crop, drawn: Box | Line | SliceMask) -> tuple[Outline, int, Tensor]:
    """Outline of what was drawn, which of the hints' maps it belongs to, and the map, on the block's grid."""
    if isinstance(drawn, SliceMask):
        mask_yx = mask_to_logit_grid(drawn.mask_yx(), crop)
        return Outline.of(mask_yx), MASKS, torch.from_numpy(mask_yx).float() * 2 - 1
    if isinstance(drawn, Box):
        x0, y0, x1, y1 = drawn.extent_xyxy()
        edges = _in_block(np.array([x0, y0, x1 + 1, y1 + 1]), crop)
        return box_outline(edges, SIDE), SHAPES, box_map(edges)
    ends = _in_block(np.array(drawn.line_xyxy) + 0.5, crop)
    return line_outline(ends, SIDE), SHAPES, line_map(ends)


def _in_block(edges: NDArray[np.float64], crop: Crop) -> NDArray[np.float64]:
    """Positions (x, y, ...) counted from the first voxel's edge, in block voxels."""
    pairs = edges.reshape(-1, 2)
    return np.asarray((pairs - [crop.left, crop.top]) * SIDE / np.array([crop.width, crop.height])).reshape(-1)
