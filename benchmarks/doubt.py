"""How well doubt is placed: slices that turned out poor against slices that were flagged.

    python benchmarks/doubt.py                                   # dev, one box, the bundled network
    python benchmarks/doubt.py --clicks                          # after five clicks
    python benchmarks/doubt.py --split train --every 4 --fit     # slope and offset for a model's yaml

A slice counts where a sweep left a mask that nobody prompted; poor is a DSC under 0.7 on the slice. "Before" is
the rule without `expected_dice`: a jump, or two passes that disagree.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
POOR = 0.7
CAUGHT, FALSE = 0.70, 0.25
FEWEST_VOXELS = 50
LABELS_A_CASE = 3


@dataclass(frozen=True)
class Judged:
    """One slice: its family, its DSC, and what was expected of it."""

    family: str
    dice: float
    expected: float
    doubtful: bool
    before: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--cases", type=Path, default=os.environ.get("VOLSWEEP_CASES", REPOSITORY.parent / "shared/cases")
    )
    parser.add_argument("--split", default="dev")
    parser.add_argument("--families", nargs="*", default=[])
    parser.add_argument("--every", type=int, default=1, help="take every nth case of each family")
    parser.add_argument("--model", default="volsweep-nano")
    parser.add_argument("--clicks", action="store_true", help="after five corrective clicks, not after the box")
    parser.add_argument("--fit", action="store_true", help="print the slope and offset that fit these cases")
    args = parser.parse_args()
    judged = list(judge(args))
    if not judged:
        parser.error(
            f"{args.model} expects nothing of its masks: give its yaml `expected_dice: {{slope: 18, offset: -15}}`"
        )
    print_table(judged)
    if args.fit:
        slope, offset = fitted(judged, args.model, args.clicks)
        print(f"expected_dice: {{slope: {slope:.2f}, offset: {offset:.2f}}}")
    return 0


def judge(args: argparse.Namespace) -> Iterator[Judged]:
    """Sweep every case and compare each slice with the truth."""
    from volsweep.cases.manifest import read_cases
    from volsweep.evaluate.metrics import dice
    from volsweep.evaluate.protocols import Protocol, Reader
    from volsweep.evaluate.targets import Target
    from volsweep.geometry import Plane
    from volsweep.models import find_model
    from volsweep.session.session import Session

    model = find_model(args.model)
    seen: dict[str, int] = {}
    for case in read_cases(args.cases, args.split, args.families):
        family = f"{case.family} {case.modality}"
        seen[family] = seen.get(family, 0) + 1
        if (seen[family] - 1) % args.every:
            continue
        volume, labels = case.load()
        for value in list(labels.values())[:LABELS_A_CASE]:
            truth_zyx = labels.mask_zyx(value)
            if truth_zyx.sum() < FEWEST_VOXELS:
                continue
            target = Target.of(case.name, int(value), truth_zyx, Plane.AXIAL, labels.grid)
            session = Session(volume, model, window=case.window, plane=Plane.AXIAL, device="cpu")
            found = Reader(target, session).read(Protocol("B" if args.clicks else "A")).rounds_nyx[-1]
            for z, trust in session.trust(target.label).items():
                if trust.prompted or trust.empty or trust.expected_dice is None:
                    continue
                truth_yx = target.masks_nyx[z]
                before = replace(trust, expected_dice=None).doubtful
                yield Judged(family, dice(truth_yx, found[z]), trust.expected_dice, trust.doubtful, before)


def print_table(judged: list[Judged]) -> None:
    """A line a family, and one for all."""
    print(
        f"{'family':22}{'slices':>7}{'poor':>7}{'expected':>10}{'DSC':>7}{'caught':>8}{'false':>7}{'before':>8}{'false':>7}"
    )
    for family in [*dict.fromkeys(one.family for one in judged), "all"]:
        some = [one for one in judged if family in (one.family, "all")]
        poor = np.array([one.dice < POOR for one in some])
        rates = [
            float(np.mean(flags[which])) if which.any() else math.nan
            for flags in (np.array([one.doubtful for one in some]), np.array([one.before for one in some]))
            for which in (poor, ~poor)
        ]
        expected, dice = (float(np.mean([getattr(one, name) for one in some])) for name in ("expected", "dice"))
        row = f"{family:22}{len(some):7}{poor.mean():7.2f}{expected:10.2f}{dice:7.2f}"
        print(row + "".join(f"{rate:{width}.2f}" for rate, width in zip(rates, (8, 7, 8, 7), strict=True)))
    print(f"floors: {CAUGHT:.2f} caught at no more than {FALSE:.2f} false; rates are the last line's")


def fitted(judged: list[Judged], model: str, clicks: bool) -> tuple[float, float]:
    """Slope and offset of the logistic curve from confidence to DSC that fit best (cross-entropy)."""
    from scipy.optimize import minimize

    from volsweep.engine.network.build import build
    from volsweep.models import find_model

    calibration = build(find_model(model).config_path).calibration
    assert calibration is not None
    if clicks and calibration.corrected is not None:
        calibration = calibration.corrected
    dice = np.array([one.dice for one in judged])
    expected = np.clip([one.expected for one in judged], 1e-6, 1 - 1e-6)
    confidence = (np.log(expected / (1 - expected)) - calibration.offset) / calibration.slope

    def loss(parameters: np.ndarray) -> float:
        argument = parameters[0] * confidence + parameters[1]
        return float(np.mean(np.logaddexp(0, argument) - dice * argument))

    slope, offset = minimize(loss, (calibration.slope, calibration.offset), method="Nelder-Mead").x
    return float(slope), float(offset)


if __name__ == "__main__":
    raise SystemExit(main())
