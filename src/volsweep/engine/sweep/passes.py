"""Legs being run: a pass follows an object from one prompted slice, and what it remembers and finds on the way.

SAM 2 keeps, for every slice it has seen, a spatial memory (the slice's features fused with
its mask, 64 channels) and an object pointer (one vector). A bank offers a new slice its
conditioning slices first, then the slices just before it, each marked with how far away it
is (Ravi et al. 2024, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from volsweep.engine.body.space import Body
from volsweep.engine.network.attention import Recall
from volsweep.engine.network.inference import Features, encode_memory
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.sam2 import Decoded
from volsweep.engine.slices.crop import Crop, CropLogits
from volsweep.engine.slices.others import Others
from volsweep.engine.slices.view import View
from volsweep.engine.sweep.fill import between
from volsweep.engine.sweep.plan import Leg, ObjectEnd, SweepOptions, Tracked
from volsweep.engine.sweep.prompted import Given, Preview
from volsweep.geometry import union_box_xyxy
from volsweep.masks import SliceMask
from volsweep.prompts.extent import Ends
from volsweep.prompts.kinds import ObjectPrompts

MAX_CONDITIONING = 4
"""Conditioning slices attended to, the closest ones."""
_EDGE_MARGIN = 0.08
"""A mask this close to its window's edge, as a fraction of the side, may go on beyond it."""
_MAX_MOVES = 4
"""Times in a row the window may move or grow before the mask is taken as it is."""


@dataclass(frozen=True)
class Memory:
    """What one slice leaves behind for one object.

    Parameters
    ----------
    time
        Slices from the start of the pass, in its direction.
    tokens
        (H * W, M): the spatial memory.
    pointer
        (C,): the object pointer.
    """

    time: int
    tokens: Tensor
    pointer: Tensor


@dataclass
class Bank:
    """The memories of one object in one pass.

    Parameters
    ----------
    conditioning
        The prompted slices, those still ahead included.
    recent
        The slices tracked so far, latest last.
    """

    conditioning: list[Memory] = field(default_factory=list)
    recent: list[Memory] = field(default_factory=list)

    def remember(self, memory: Memory, keep: int) -> None:
        """Add a tracked slice and forget those too far back to be attended to."""
        self.recent.append(memory)
        del self.recent[:-keep]


def recall(net: VolsweepNet, bank: Bank, time: int, stride: int, num_frames: int) -> Recall:
    """Choose what the slice at `time` attends to.

    Distances are in steps of `stride` slices: to the network, the slices visited are the video.
    """
    sam2 = net.sam2
    last_slot = sam2.num_maskmem - 1
    by_distance = sorted(bank.conditioning, key=lambda memory: abs(memory.time - time))
    # In order of distance here, in order of time upstream: attention does not see the order.
    chosen = by_distance[:MAX_CONDITIONING]
    spatial = [(memory.tokens, last_slot) for memory in chosen]
    # Slot 0 is the slice just before, slot 1 the one before that.
    latest = bank.recent[: -last_slot - 1 : -1]
    spatial += [(memory.tokens, slot) for slot, memory in enumerate(latest)]

    furthest = min(num_frames, sam2.max_obj_ptrs_in_encoder)
    pointers = []
    for memory in chosen:
        distance = (time - memory.time) / stride
        if sam2.only_obj_ptrs_in_the_past_for_eval and distance < 0:
            continue
        pointers.append((memory.pointer, distance if sam2.use_signed_tpos_enc_to_obj_ptrs else abs(distance)))
    for memory in reversed(bank.recent):
        distance = (time - memory.time) / stride
        if distance >= furthest:
            break
        pointers.append((memory.pointer, distance))
    return Recall(spatial, pointers)


class Pass:
    """State of one leg: where it is, what it remembers, and the window it looks through.

    Parameters
    ----------
    view
        The plane and network.
    end
        Where it goes, and where it ends.
    """

    def __init__(self, view: View, end: ObjectEnd) -> None:
        self.view = view
        self.crop = Crop.whole(view.frames.shape_yx, view.net.image_size)
        self.body: Body | None = None
        self._end = end
        self._leg = end.leg
        self._bank = Bank()
        self._conditioning: list[SliceMask] = []
        self._seen: list[SliceMask] = []
        self._moves = 0

    def begin(self, start: Preview, bound: SliceMask | None, body: Body | None = None) -> None:
        """Fill the bank with the prompted slice it leaves from and the one it runs towards.

        `body` is what it is to follow.
        """
        mask, crop = start.mask, start.crop
        self.body = body
        self._end.begin(mask)
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
            self._bank.conditioning.append(self._memory(mask.slice, features, start.decoded, prompted=True))
            if bound is not None:
                self._bank.conditioning.append(self._adopted(bound))
        else:
            self._rebuild_bank()

    @property
    def done(self) -> bool:
        """Whether there is nothing left to visit."""
        return not self._end.todo

    @property
    def slice(self) -> int:
        """The slice to visit next."""
        return self._end.todo[0]

    @property
    def before(self) -> int:
        """The slice visited before the next one."""
        return self._seen[-1].slice if self._seen else self._leg.start

    def recall(self) -> Recall:
        """What the next slice attends to."""
        return recall(self.view.net, self._bank, self._time(self.slice), self._end.stride, len(self.view.frames))

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
        keep = self.view.net.sam2.max_obj_ptrs_in_encoder
        self._bank.remember(Memory(self._time(self.slice), tokens, pointer), keep)
        self._seen = [*self._seen, mask][-keep:]
        self._end.todo.pop(0)
        return True

    def settle(self, mask: SliceMask) -> list[SliceMask]:
        """Decide where to go on after a slice's mask; what it shows to have been no gap is filled, and returned."""
        verdict = self._end.note(mask, [m.slice for m in self._seen])
        if verdict.back:
            self._seen.pop()
            self._bank.recent.pop()
        return [] if verdict.gap is None else between(*verdict.gap, self.view.frames)

    def _rebuild_bank(self) -> None:
        """Remember the same masks through the present window."""
        last = self.view.net.sam2.num_maskmem - 1
        conditioning, recent = self._conditioning, self._seen[-last:] if last else []
        self.view.features([(m.slice, self.crop) for m in (*conditioning, *recent)])
        self._bank = Bank([self._adopted(m) for m in conditioning], [self._adopted(m) for m in recent])

    def _adopted(self, mask: SliceMask) -> Memory:
        decoded = self.view.adopt(mask, self.crop)
        (features,) = self.view.features([(mask.slice, self.crop)])
        return self._memory(mask.slice, features, decoded, prompted=mask.prompted)

    def _memory(self, slice_index: int, features: Features, decoded: Decoded, prompted: bool) -> Memory:
        with self.view.net.running():
            tokens, pointers = encode_memory(self.view.net, features, decoded, prompted)
        return Memory(self._time(slice_index), tokens[0], pointers[0])

    def _time(self, slice_index: int) -> int:
        return (slice_index - self._leg.start) * self._leg.step


@dataclass(frozen=True)
class Request:
    """A leg to be run, with all that it depends on: the key that it is remembered by."""

    label: int
    leg: Leg
    start: Given
    bound: Given | None
    known: tuple[Given, ...]
    options: SweepOptions
    ends: Ends
    others: Others | None = None
    said: ObjectPrompts | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """A slice as one pass found it; its logits are kept where another pass comes towards it."""

    tracked: Tracked
    logits: CropLogits | None = None

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.tracked.mask.nbytes + (0 if self.logits is None else self.logits.logits.nbytes)


@dataclass(frozen=True, eq=False)
class Ran:
    """What a leg found, step by step: a slice, and those that it shows to have been no gap."""

    found: list[list[Found]]

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(one.nbytes for step in self.found for one in step)


@dataclass(eq=False)
class Track:
    """A leg in a sweep: what it has found, and its pass while that runs."""

    request: Request
    one: Pass | None
    found: list[list[Found]]

    def goes_on(self, turn: int) -> bool:
        """Whether it has something to show, or to do, at this turn."""
        return self.one is not None or turn < len(self.found)
