"""From words alone: where the finder puts its boxes, and what a sweep makes of them, against that from a perfect box.

    python benchmarks/text.py                  # the head and neck cases of dev
    python benchmarks/text.py --held-back      # every tenth training case, which the finder did not learn from
    python benchmarks/text.py --absent         # scores where nothing of a name is, from which the thresholds are

Inside: the middle of the proposed box on the slice that is prompted lies in the organ. A mandible is a horseshoe, and
the middle of the perfect box around one is not in it either: "in its box" counts the organ's own box on that slice, and
"point" the place that the finder says is in the organ (`Section.point_xy`).
Its own mask: where the finder thinks the organ likely, held against the organ without any sweep. From the word: what a
name becomes, the finder's own outline or the sweep from its box, whichever is said to be better in its yaml.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from volsweep import Plane, Session, Volume
from volsweep.cases.manifest import Case, read_cases
from volsweep.errors import PromptError
from volsweep.evaluate.metrics import dice
from volsweep.evaluate.targets import Target
from volsweep.finder import BundledFinder, Proposal
from volsweep.geometry import mask_box_xyxy

REPOSITORY = Path(__file__).resolve().parents[1]
HELD_BACK = 10
"""`tools/train_finder.py` holds every tenth case back, from the first on."""
ORGANS = (
    "brain stem",
    "spinal cord",
    "right parotid gland",
    "left parotid gland",
    "esophagus",
    "larynx",
    "mandible",
)
"""In the order of the labels of the head and neck cases."""
WITH_SPINE = ("sts_003", "sts_007", "sts_018", "sts_037")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--cases", type=Path, default=os.environ.get("VOLSWEEP_CASES", REPOSITORY.parent / "shared/cases")
    )
    parser.add_argument("--held-back", action="store_true")
    parser.add_argument("--absent", action="store_true")
    parser.add_argument("--most", type=int, help="Cases at most.")
    args = parser.parse_args()
    finder = Outlining()
    # What lies below its threshold is looked at, too.
    finder.known = tuple(replace(one, least=0.0) for one in finder.known)
    if args.absent:
        tell_absent(args.cases, finder)
        return
    cases = read_cases(args.cases, "train" if args.held_back else "dev", ["headneck"])
    tell_found((cases[::HELD_BACK] if args.held_back else cases)[: args.most], finder)


class Outlining(BundledFinder):
    """The finder, and what it took for the organ that it found last."""

    def _place(self, *given: Any) -> Any:
        self.place = super()._place(*given)
        return self.place

    def own_dice(self, truth_zyx: np.ndarray) -> float:
        """DSC of that, without any sweep."""
        if self.place is None:
            return 0.0
        mask = np.zeros(truth_zyx.shape, dtype=bool)
        ends = zip(self.place.low, self.place.mask.shape, strict=True)
        mask[tuple(slice(low, low + count) for low, count in ends)] = self.place.mask
        return dice(truth_zyx, mask)


def tell_found(cases: list[Case], finder: Outlining) -> None:
    rows = defaultdict(list)
    for case in cases:
        volume, labels = case.load()
        for value in labels.values():
            name = ORGANS[value - 1]
            target = Target.of(case.name, value, labels.mask_zyx(value), Plane.AXIAL, volume.grid)
            row = measured(case, volume, target, found(finder, volume, name))
            row.append(finder.own_dice(labels.mask_zyx(value)))
            rows[name].append(row)
            print(f"{case.name:8} {name:20} " + " ".join(f"{value:.3f}" for value in row), flush=True)
    print(
        "\norgan                 n  inside  point  in its box  least score  from its box  perfect box  own mask"
        "  from the word"
    )
    for name in ORGANS:
        if rows[name]:
            inside, point, in_box, score, boxed, perfect, word, own = np.array(rows[name]).T
            print(
                f"{name:20} {len(inside):2}  {inside.mean():5.0%}  {point.mean():5.0%}  {in_box.mean():9.0%}  "
                f"{score.min():11.2f}  "
                f"{boxed.mean():12.3f}  {perfect.mean():11.3f}  {own.mean():8.3f}  {word.mean():13.3f}"
            )


def found(finder: BundledFinder, volume: Volume, name: str) -> Proposal | None:
    try:
        return finder.find(volume, [name])[0]
    except PromptError:
        return None


def measured(case: Case, volume: Volume, target: Target, proposal: Proposal | None) -> list[float]:
    """Box's middle and point in the organ, the middle in its box, score, DSC from the box, a perfect one, the word."""
    session = Session(volume, window=case.true_window(), plane=target.plane)
    session.add_box(label=1, slice=target.prompted_slice, box_xyxy=target.box())
    perfect = swept(session, target)
    if proposal is None:
        return [0.0, 0.0, 0.0, 0.0, 0.0, perfect, 0.0]
    where = proposal.section(target.plane, volume.grid)
    mask = target.masks_nyx[where.slice]
    x0, y0, x1, y1 = where.box_xyxy
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    box = mask_box_xyxy(mask)
    in_box = box is not None and box[0] <= x <= box[2] and box[1] <= y <= box[3]
    session = Session(volume, window=case.true_window(), plane=target.plane)
    session.load_prompts(proposal.prompts(target.plane, volume.grid, 1))
    inside = [float(mask[round(row), round(column)]) for column, row in ((x, y), where.point_xy)]
    boxed = swept(session, target)
    taken = Session(volume, window=case.true_window(), plane=target.plane)
    taken.take(proposal, label=1)
    word = boxed if taken.state.said else found_in(taken, target)
    return [*inside, float(in_box), proposal.score, boxed, perfect, word]


def swept(session: Session, target: Target) -> float:
    session.sweep()
    return found_in(session, target)


def found_in(session: Session, target: Target) -> float:
    axis = target.grid.plane_axis(target.plane)
    return dice(target.masks_nyx, np.moveaxis(session.labels.array_zyx == 1, axis, 0))


def tell_absent(folder: Path, finder: BundledFinder) -> None:
    """The highest scores of names of which nothing is there: limbs, and heads cut off before an organ begins."""
    scores = defaultdict(list)
    for name, volume in without(folder):
        proposal = found(finder, volume, name)
        scores[name].append(0.0 if proposal is None else proposal.score)
    for name in ORGANS:
        highest = sorted(scores[name], reverse=True)
        percentile = np.percentile(highest, 99)
        print(
            f"{name:20} {len(highest):3} volumes, 99 % below {percentile:.2f}, highest " + str(np.round(highest[:5], 2))
        )


def without(folder: Path) -> Iterator[tuple[str, Volume]]:
    limbs = [case for split in ("train", "dev") for case in read_cases(folder, split, ["sarcoma"])]
    for case in limbs:
        if case.modality == "CT":
            volume = case.load()[0]
            for name in ORGANS:
                if name not in ("spinal cord", "esophagus") or not case.name.startswith(WITH_SPINE):
                    yield name, volume
    for case in read_cases(folder, "train", ["headneck"])[::HELD_BACK]:
        volume, labels = case.load()
        for value in labels.values():
            name = ORGANS[value - 1]
            there = np.flatnonzero(labels.mask_zyx(value).any(axis=(1, 2)))
            for part in (slice(0, there[0] - 1), slice(there[-1] + 2, None)):
                if len(volume.array_zyx[part]) >= 10 and name not in ("spinal cord", "esophagus"):
                    yield name, cut(volume, part)


def cut(volume: Volume, slices: slice) -> Volume:
    """Some of a volume's slices."""
    affine = volume.grid.affine.copy()
    affine[:3, 3] = volume.grid.to_lps_mm((slices.start, 0, 0))
    array = volume.array_zyx[slices]
    return replace(volume, array_zyx=array, grid=type(volume.grid)(array.shape, affine))


if __name__ == "__main__":
    main()
