"""The bodies in clips: the block that the clip itself shows, through the 3D network.

In use the block around a prompted slice reaches both ways; a clip shows one side of it, so that the
other is outside. Blocks with one side alone are among those that the 3D network learns from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from volsweep.engine.body.predict import Drawn
from volsweep.engine.body.space import BLOCK_ANCHOR, BLOCK_ZOOM
from volsweep.engine.body.spheroid import around_line
from volsweep.engine.network.body_net import DEPTH, FINE, MAPS, SIDE, BodyNet
from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.geometry import mask_box_xyxy
from volsweep.train.clips.clips import Batch
from volsweep.train.data.prompts import longest_diameter

_SPHEROIDS = 0.25
"""Share of clips that get the first guess alone: the 3D network is best on the patients it learned from."""


@dataclass(frozen=True)
class _Window:
    """Where the blocks of B clips lie in plane, in model pixels.

    Parameters
    ----------
    middle_xy
        (B, 2).
    side
        (B,).
    """

    middle_xy: Tensor
    side: Tensor

    @staticmethod
    def around(extents: Sequence[tuple[float, ...]]) -> _Window:
        """Around boxes, as their edges in model pixels."""
        edges = torch.tensor(extents, dtype=torch.float32)
        return _Window(
            (edges[:, :2] + edges[:, 2:]) / 2, BLOCK_ZOOM * (edges[:, 2:] - edges[:, :2]).amax(1).clamp(min=4)
        )

    def grid(self, count: int, size: int) -> Tensor:
        """(B, count, count, 2) places of the blocks' pixels in the clips, for `grid_sample`."""
        steps = (torch.arange(count) + 0.5) / count - 0.5
        offsets = torch.stack(torch.meshgrid(steps, steps, indexing="ij")[::-1], -1)
        at = self.middle_xy[:, None, None] + offsets * self.side[:, None, None, None]
        return at / size * 2 - 1

    def grid_back(self, count: int, size: int) -> Tensor:
        """(B, count, count, 2) places of the clips' pixels in the blocks, for `grid_sample`."""
        places = (torch.arange(count) + 0.5) * size / count
        at = torch.stack(torch.meshgrid(places, places, indexing="ij")[::-1], -1)
        return (at - self.middle_xy[:, None, None]) / self.side[:, None, None, None] * 2

    def in_block(self, clip: int, edges_xy: Tensor) -> np.ndarray:
        """Edges (x, y, ...) in block voxels."""
        pairs = edges_xy.reshape(-1, 2)
        return np.asarray(((pairs - self.middle_xy[clip]) / self.side[clip] + 0.5) * SIDE, dtype=np.float64).reshape(-1)


class ClipBodies:
    """The bodies of a batch of clips.

    Parameters
    ----------
    net
        The 3D network; it learns nothing here.
    batch
        The clips.
    rng
        Chooses the clips that get the first guess alone.
    """

    def __init__(self, net: BodyNet, batch: Batch, rng: np.random.Generator) -> None:
        self._net = net
        self._batch = batch
        self._size = batch.shape.size
        self._guessed = torch.from_numpy(rng.random(batch.grey.shape[1]) < _SPHEROIDS)
        self._places = (batch.places - batch.places[0]).cpu()
        self._window: _Window | None = None
        self._maps = torch.zeros((batch.grey.shape[1], MAPS, DEPTH, SIDE, SIDE))
        self._logits = self._maps[:, 0]

    def from_prompts(self) -> None:
        """Predict from the boxes or lines on the first slice."""
        if self._batch.shape.kind == "line":
            masks = self._batch.masks[0].cpu().numpy()
            ends = torch.tensor([longest_diameter(mask, (1.0, 1.0)) for mask in masks]) + 0.5
            extents = [around_line(line.double().numpy()).tolist() for line in ends]
        else:
            ends = self._batch.points_xy[:, :2].flatten(1).cpu() + torch.tensor([0.0, 0.0, 1.0, 1.0])
            extents = ends.tolist()
        self._window = _Window.around(extents)
        draw = Drawn.line if self._batch.shape.kind == "line" else Drawn.box
        for i, drawn in enumerate(ends):
            draw(self._window.in_block(i, drawn)).begin(self._maps[i])
        self._predict()

    def from_masks(self, logits: Tensor) -> None:
        """Predict from masks on the first slice: logits (B, 1, S/4, S/4)."""
        masks = (logits[:, 0] > 0).cpu()
        side = masks.shape[-1]
        boxes = [mask_box_xyxy(mask.numpy()) or (side / 4, side / 4, 3 * side / 4, 3 * side / 4) for mask in masks]
        scale = self._size / side
        edges = [(x0 * scale, y0 * scale, (x1 + 1) * scale, (y1 + 1) * scale) for x0, y0, x1, y1 in boxes]
        self._window = _Window.around(edges)
        self._maps.zero_()
        for i, mask in enumerate(self._in_blocks(masks)):
            Drawn.mask(mask.numpy()).begin(self._maps[i])
        self._predict()

    def add_masks(self, t: int, logits: Tensor) -> None:
        """Predict from the masks of slice t as well."""
        for i, mask in enumerate(self._in_blocks((logits[:, 0] > 0).cpu())):
            plane = round(float(self._planes[t, i]))
            if plane < DEPTH:
                Drawn.mask(mask.numpy()).add(self._maps[i], plane)
        self._predict()

    def section(self, t: int) -> Tensor:
        """Logits (B, 1, S/4, S/4) of slice t."""
        assert self._window is not None
        places = self._planes[t].clamp(max=DEPTH - 1)
        before = places.long().clamp(max=DEPTH - 2)
        each = torch.arange(len(places))
        share = (places - before)[:, None, None]
        flat = torch.lerp(self._logits[each, before], self._logits[each, before + 1], share)
        grid = self._window.grid_back(self._size // LOGIT_STRIDE, self._size)
        seen = F.grid_sample(flat[:, None], grid, padding_mode="border", align_corners=False)
        return seen.to(self._batch.grey.device)

    @property
    def _planes(self) -> Tensor:
        """(T, B): where the slices lie in the blocks."""
        assert self._window is not None
        return BLOCK_ANCHOR + self._places * SIDE / self._window.side

    def _in_blocks(self, masks: Tensor) -> Tensor:
        assert self._window is not None
        grid = self._window.grid(SIDE, self._size)
        return F.grid_sample(masks[:, None].float(), grid, align_corners=False)[:, 0] > 0.5

    def _predict(self) -> None:
        device = self._batch.grey.device
        with torch.no_grad():
            found = self._net(self._grey().to(device), self._maps.to(device))[:, 0].float().cpu()
        self._logits = torch.where(self._guessed[:, None, None, None], self._net.guess(self._maps)[:, 0], found)

    def _grey(self) -> Tensor:
        """(B, 2, 48, 64, 64), as `volsweep.engine.body.space.Block` makes it."""
        assert self._window is not None
        grey = self._batch.grey[:, :, 0].cpu().transpose(0, 1)
        fine = self._window.grid(2 * FINE, self._size)
        slices = F.avg_pool2d(F.grid_sample(grey, fine, align_corners=False), 2)
        in_plane = (self._window.grid(FINE, self._size).abs() < 1).all(-1).float()
        at = self._planes.T[:, None]
        gap = torch.ones(len(grey))
        if len(self._planes) > 1:
            gap = self._planes.diff(dim=0).amin(0).clamp(min=1)
        planes = torch.arange(DEPTH, dtype=torch.float32)[None, :, None]
        weights = (1 - (planes - at).abs() / gap[:, None, None]).clamp(min=0)
        total = weights.sum(-1)
        there = ((planes - at).abs().amin(-1) <= gap[:, None] / 2).float()
        # Before the prompted slice there is nothing to see.
        there[:, :BLOCK_ANCHOR] = 0
        shown = torch.einsum("bkt,btyx->bkyx", weights / total.clamp(min=1e-6)[..., None], slices)
        inside = there[:, :, None, None] * in_plane[:, None]
        return torch.stack([shown * inside, inside], 1)
