"""What training minimises: overlap and cross-entropy of masks, the IoU head, the object score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


@dataclass(frozen=True)
class LossWeights:
    """How much each part counts."""

    dice: float = 0.5
    cross_entropy: float = 0.2
    focal: float = 2.0
    volume: float = 2.0
    iou: float = 0.2
    score_present: float = 0.7
    score_absent: float = 0.5
    absent_mask: float = 0.3
    features: float = 0.03
    tracking_features: float = 0.1
    branches: float = 0.1
    body: float = 1.0
    body_entropy: float = 0.25
    body_prompted: float = 0.3
    refined: float = 1.0
    refined_prompted: float = 0.5
    refined_entropy: float = 0.3
    clicked: float = 0.25
    clicked_plane: float = 0.3

    def without_scales(self) -> LossWeights:
        """The same, leaving the scales of activations alone."""
        return replace(self, features=0.0, tracking_features=0.0, branches=0.0)


def dice_loss(logits: Tensor, truth: Tensor, smooth: float = 1.0) -> Tensor:
    """Soft Dice loss over the last two axes (Milletari et al. 2016): 1 - (2 |PT| + s) / (|P| + |T| + s)."""
    return _apart(logits.sigmoid(), truth, (-2, -1), smooth)


def _apart(probability: Tensor, truth: Tensor, axes: tuple[int, ...], smooth: float = 1.0) -> Tensor:
    overlap, total = (probability * truth).sum(axes), probability.sum(axes) + truth.sum(axes)
    return 1 - (2 * overlap + smooth) / (total + smooth)


def balanced_cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy over the last two axes, object and background each given half of the weight.

    A small object's pixels would otherwise drown in the background's.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    inside, outside = truth, 1 - truth
    mean_inside = (entropy * inside).sum((-2, -1)) / inside.sum((-2, -1)).clamp(min=1)
    mean_outside = (entropy * outside).sum((-2, -1)) / outside.sum((-2, -1)).clamp(min=1)
    return (mean_inside + mean_outside) / 2


def focal_loss(logits: Tensor, truth: Tensor, gamma: float = 2.0) -> Tensor:
    """Sigmoid focal loss (Lin et al. 2017) without class weights, averaged over the last two axes."""
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (entropy * (1 - torch.exp(-entropy)) ** gamma).mean((-2, -1))


def iou_of(logits: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of thresholded masks over the last two axes; 1 where both are empty."""
    predicted, truth = logits > 0, truth > 0.5
    union = (predicted | truth).sum((-2, -1)).float()
    overlap = (predicted & truth).sum((-2, -1)).float()
    return torch.where(union > 0, overlap / union.clamp(min=1), torch.ones_like(union))


def dsc_of(logits: Tensor, truth: Tensor) -> Tensor:
    """Dice similarity coefficient of thresholded masks over the last two axes; 1 where both are empty."""
    predicted, truth = logits > 0, truth > 0.5
    total = (predicted.sum((-2, -1)) + truth.sum((-2, -1))).float()
    overlap = (predicted & truth).sum((-2, -1)).float()
    return torch.where(total > 0, 2 * overlap / total.clamp(min=1), torch.ones_like(total))


@dataclass
class SweptVolume:
    """Soft overlap of the masks of a whole clip with the truth, object by object.

    Slice by slice, an object's last slices would count as much as its largest; what is measured in
    the end is the volume. Masks count as far as the object is said to be there.
    """

    overlap: Tensor | None = None
    total: Tensor | None = None

    def add(self, logits: Tensor, score: Tensor, truth: Tensor, scored: Tensor) -> None:
        """Add one slice of B objects.

        Parameters
        ----------
        logits
            (B, h, w).
        score
            (B, 1) logits of presence.
        truth
            (B, S, S) bool.
        scored
            (B,) bool: where presence is known.
        """
        target = F.interpolate(truth[:, None].float(), size=logits.shape[-2:], mode="area")[:, 0]
        probability = logits.sigmoid() * score.sigmoid()[..., None]
        overlap = (probability * target).sum((-2, -1)) * scored
        total = (probability.sum((-2, -1)) + target.sum((-2, -1))) * scored
        self.overlap = overlap if self.overlap is None else self.overlap + overlap
        self.total = total if self.total is None else self.total + total

    def add_to(self, tally: Tally) -> None:
        """Add the loss of the whole, 1 - DSC."""
        if self.overlap is None or self.total is None:
            return
        loss = 1 - (2 * self.overlap + 1) / (self.total + 1)
        tally.add("volume", loss, torch.ones_like(loss, dtype=torch.bool))


@dataclass
class Tally:
    """Losses of one step, summed part by part with the number of slices each was averaged over."""

    weights: LossWeights
    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, values: Tensor, where: Tensor) -> None:
        """Add one value per object, counted where `where` is True."""
        chosen = where.float()
        self.sums[name] = self.sums.get(name, values.new_zeros(())) + (values * chosen).sum()
        self.counts[name] = self.counts.get(name, 0.0) + float(chosen.sum())

    def means(self) -> dict[str, Tensor]:
        """The mean of each part."""
        return {name: total / max(1.0, self.counts[name]) for name, total in self.sums.items()}

    def total(self) -> Tensor:
        """The weighted sum of the parts' means."""
        means = self.means()
        return torch.stack(
            [getattr(self.weights, name) * value for name, value in means.items() if hasattr(self.weights, name)]
        ).sum()


def add_slice(
    tally: Tally, raw_masks: Tensor, ious: Tensor, object_score: Tensor, truth: Tensor, *, scored: Tensor
) -> None:
    """Add the losses of one slice of B objects.

    Parameters
    ----------
    tally
        Where they go.
    raw_masks
        (B, M, h, w) logits as the decoder makes them, before absent objects are blanked.
    ious
        (B, M) predicted quality.
    object_score
        (B, 1) logits.
    truth
        (B, S, S) bool.
    scored
        (B,) bool: where presence is known.
    """
    target = truth[:, None].to(raw_masks.dtype)
    logits = F.interpolate(raw_masks, size=truth.shape[-2:], mode="bilinear", align_corners=False)
    target = target.expand_as(logits)
    present = truth.flatten(1).any(1)
    w = tally.weights
    dice = dice_loss(logits, target)
    entropy = balanced_cross_entropy(logits, target)
    focal = focal_loss(logits, target)
    # The best of several masks learns, the others are free to mean something else (SAM, Kirillov et al. 2023).
    best = (w.dice * dice + w.cross_entropy * entropy + w.focal * focal).argmin(1, keepdim=True)
    for name, values in (("dice", dice), ("cross_entropy", entropy), ("focal", focal)):
        tally.add(name, values.gather(1, best)[:, 0], present)
    actual = iou_of(logits.detach(), target)
    tally.add("iou", (ious - actual).abs().mean(1), present)
    score = F.binary_cross_entropy_with_logits(object_score[:, 0], present.float(), reduction="none")
    # Apart, since absent slices are few: together they would only learn how often objects end.
    tally.add("score_present", score, present & scored)
    tally.add("score_absent", score, scored & ~present)
    empty = F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits), reduction="none").mean((-3, -2, -1))
    tally.add("absent_mask", empty, scored & ~present)

    with torch.no_grad():
        chosen = ious.argmax(1)
        mine = logits[torch.arange(len(chosen)), chosen]
        tally.add("dsc", dsc_of(mine, truth.float()), present)
        tally.add("score_right_present", (object_score[:, 0] > 0).float(), present & scored)
        tally.add("score_right_absent", (object_score[:, 0] <= 0).float(), ~present & scored)


def add_bodies(tally: Tally, logits: Tensor, truth: Tensor, known: Tensor, prompted: int) -> None:
    """Add the losses of predicted bodies: 1 - DSC of the whole and of the prompted plane, and a little cross-entropy.

    Parameters
    ----------
    tally
        Where they go.
    logits
        (B, planes, rows, columns).
    truth, known
        As `logits`, bool; what is not known counts nowhere.
    prompted
        The plane on which the object was prompted.
    """
    where, target = known.float(), (truth & known).float()
    size = target.sum((1, 2, 3))
    probability = logits.sigmoid() * where
    everyone = torch.ones_like(size, dtype=torch.bool)
    tally.add("body", _apart(probability, target, (1, 2, 3)), everyone)
    tally.add("body_prompted", _apart(probability[:, prompted], target[:, prompted], (1, 2)), everyone)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * where
    # Per voxel of the object, not of the block: most of the block is air.
    tally.add("body_entropy", entropy.sum((1, 2, 3)) / (size + 50), everyone)
    with torch.no_grad():
        tally.add("body_dsc", _body_dsc(logits, target, where), everyone)


_FALSE_POSITIVE, _FALSE_NEGATIVE = 0.8, 1.2
"""What each counts in the overlap of a refined body (Salehi et al. 2017): too little is found more often."""


def add_refined(
    tally: Tally,
    logits: Tensor,
    blocks: tuple[Tensor, Tensor],
    prompted: int,
    clicks: tuple[Tensor, Sequence[int | None]],
) -> None:
    """Add the losses of refined bodies, where they were clicked looked at harder.

    Parameters
    ----------
    tally
        Where they go.
    logits
        (B, planes, rows, columns).
    blocks
        Truth and where it is known, as `logits`, bool; what is not known counts nowhere.
    prompted
        The plane on which the object was prompted.
    clicks
        As `logits`, 1 at clicks, falling to 0 around them; and the plane of each block's last click, None
        where there was none.
    """
    truth, known = blocks
    near, clicked = clicks
    where, target = known.float(), (truth & known).float()
    probability = logits.sigmoid() * where
    everyone = torch.ones(len(logits), dtype=torch.bool, device=logits.device)
    right, over, missed = (
        (a * b).sum((1, 2, 3)) for a, b in ((probability, target), (probability, 1 - target), (1 - probability, target))
    )
    total = 2 * right + _FALSE_POSITIVE * over + _FALSE_NEGATIVE * missed
    tally.add("refined", 1 - (2 * right + 1) / (total + 1), everyone)
    tally.add("refined_prompted", _apart(probability[:, prompted], target[:, prompted], (1, 2)), everyone)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * where
    tally.add("refined_entropy", entropy.sum((1, 2, 3)) / (target.sum((1, 2, 3)) + 200), everyone)
    corrected = torch.tensor([plane is not None for plane in clicked], device=logits.device)
    weights = near * where
    tally.add("clicked", (entropy * near).sum((1, 2, 3)) / weights.sum((1, 2, 3)).clamp(min=1), corrected)
    rows = torch.arange(len(logits))
    planes = torch.tensor([prompted if plane is None else plane for plane in clicked])
    tally.add("clicked_plane", _apart(probability[rows, planes], target[rows, planes], (1, 2), 4.0), corrected)
    with torch.no_grad():
        tally.add("refined_dsc", _body_dsc(logits, target, where), everyone)


def _body_dsc(logits: Tensor, target: Tensor, where: Tensor) -> Tensor:
    """DSC of thresholded bodies where they are known."""
    found = (logits > 0).float() * where
    total = found.sum((1, 2, 3)) + target.sum((1, 2, 3))
    return (2 * (found * target).sum((1, 2, 3)) + 1) / (total + 1)
