"""One pass: an object followed in one direction from one prompted slice."""

from __future__ import annotations

from torch import Tensor

from volsweep.engine.body.predict import Body
from volsweep.engine.network.features import Features
from volsweep.engine.network.sam2 import Decoded
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import View
from volsweep.engine.sweep.fill import between
from volsweep.engine.sweep.memory import Bank, Memory, Recall, encode_memory, recall
from volsweep.engine.sweep.plan import Leg
from volsweep.geometry import union_box_xyxy
from volsweep.masks import SliceMask

_EDGE_MARGIN = 0.08
"""A mask this close to its window's edge, as a fraction of the side, may go on beyond it."""
_MAX_MOVES = 4
"""Times in a row the window may move or grow before the mask is taken as it is."""


class Pass:
    """State of one leg: where it is, what it remembers, and the window it looks through.

    Parameters
    ----------
    view
        The plane and network.
    label
        The object followed.
    leg
        Where it goes.
    stride
        Slices per step.
    """

    def __init__(self, view: View, label: int, leg: Leg, stride: int) -> None:
        self.view = view
        self.label = label
        self.leg = leg
        self.crop = Crop.whole(view.frames.shape_yx, view.network.image_size)
        self._stride = stride
        self._todo = leg.slices(stride)
        self._bank = Bank()
        self.body: Body | None = None
        self._conditioning: list[SliceMask] = []
        self._seen: list[SliceMask] = []
        self._moves = 0
        self._absent = 0

    def begin(self, start: tuple[SliceMask, Crop, Decoded], bound: SliceMask | None, body: Body | None = None) -> None:
        """Fill the bank with the prompted slice it leaves from and the one it runs towards.

        `body` is what it is to follow.
        """
        mask, crop, decoded = start
        self.body = body
        self._conditioning = [mask] if bound is None else [mask, bound]
        boxes = [box for m in self._conditioning if (box := m.box_xyxy)]
        self.crop = crop
        if bound is not None and boxes:
            both = union_box_xyxy(boxes)
            if crop.reaches_edge(both, self.view.frames.shape_yx, _EDGE_MARGIN):
                self.crop = self.view.crop_around(both)
        if self.crop == crop:
            # The network's own output is the best memory of what it drew itself.
            (features,) = self.view.features([(mask.slice, crop)])
            self._bank.conditioning.append(self._memory(mask.slice, features, decoded, prompted=True))
            if bound is not None:
                self._bank.conditioning.append(self._adopted(bound))
        else:
            self._rebuild_bank()

    @property
    def done(self) -> bool:
        """Whether there is nothing left to visit."""
        return not self._todo

    @property
    def slice(self) -> int:
        """The slice to visit next."""
        return self._todo[0]

    def recall(self) -> Recall:
        """What the next slice attends to."""
        return recall(self.view.network, self._bank, self._time(self.slice), self._stride, len(self.view.frames))

    def take(self, mask: SliceMask, tokens: Tensor, pointer: Tensor) -> bool:
        """Look at the next slice's mask, with the memory made of it; True if it stands.

        The pass has then moved on. False if the mask reached the window's edge: the window
        has been moved or grown and the same slice is to be done again.
        """
        box = mask.box_xyxy
        shape_yx = self.view.frames.shape_yx
        if box is not None and self._moves < _MAX_MOVES and self.crop.reaches_edge(box, shape_yx, _EDGE_MARGIN):
            moved = self.view.crop_around(box)
            if moved != self.crop:
                self.crop = moved
                self._moves += 1
                self._rebuild_bank()
                return False
        self._moves = 0
        keep = self.view.network.model.max_obj_ptrs_in_encoder
        self._bank.remember(Memory(self._time(self.slice), tokens, pointer), keep)
        self._seen = [*self._seen, mask][-keep:]
        self._todo.pop(0)
        return True

    def note_absence(self, mask: SliceMask, patience: int) -> list[SliceMask]:
        """Count slices without the object and end the pass after `patience` of them in a row.

        With a stride, the slices skipped before the first absence are visited one by one: the
        object ends among them. An object that is back within the pass's patience was never
        gone: the slices between are returned, filled from their neighbours.
        """
        before, self._absent = self._absent, self._absent + 1 if mask.is_empty else 0
        if self._absent == 1 and self._stride > 1:
            self._step_back()
        elif patience and self._absent >= patience:
            self._todo.clear()
        if not (patience and before and not mask.is_empty):
            return []
        return between([self._conditioning[0], *self._seen][-before - 2], mask)

    def _step_back(self) -> None:
        missed, step = self._seen[-1].slice, self.leg.step
        before = self._seen[-2].slice if len(self._seen) > 1 else self.leg.start
        skipped = list(range(before + step, missed, step))
        if not skipped:
            return
        # The empty slice is forgotten and met again after those before it.
        self._seen.pop()
        self._bank.recent.pop()
        self._absent = 0
        self._stride = 1
        self._todo = [*skipped, *range(missed, self.leg.last + step, step)]

    def _rebuild_bank(self) -> None:
        """Remember the same masks through the present window."""
        last = self.view.network.model.num_maskmem - 1
        conditioning, recent = self._conditioning, self._seen[-last:] if last else []
        self.view.features([(m.slice, self.crop) for m in (*conditioning, *recent)])
        self._bank = Bank([self._adopted(m) for m in conditioning], [self._adopted(m) for m in recent])

    def _adopted(self, mask: SliceMask) -> Memory:
        decoded = self.view.adopt(mask, self.crop)
        (features,) = self.view.features([(mask.slice, self.crop)])
        return self._memory(mask.slice, features, decoded, prompted=mask.prompted)

    def _memory(self, slice_index: int, features: Features, decoded: Decoded, prompted: bool) -> Memory:
        with self.view.network.running():
            tokens, pointers = encode_memory(self.view.network, features, decoded, prompted)
        return Memory(self._time(slice_index), tokens[0], pointers[0])

    def _time(self, slice_index: int) -> int:
        return (slice_index - self.leg.start) * self.leg.step
