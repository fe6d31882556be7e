"""One box on two series of the same lesion, fused, against each by itself.

    python benchmarks/two_series.py                       # dev: 5 patients of the sarcomas, some minutes
    python benchmarks/two_series.py --split train --every 3

Every pair of CT, T1 and PET of a patient: the box (protocol A) is drawn on the chosen series, the labels lie on its
voxels, and so do those of the other series by itself, which is shown on them. The floor is the better of both in the
mean. What `fused` is sure of at most was chosen on train (33 patients): with 1, 2 and 4, CT + T1 has 0.866 each time,
CT + PET 0.858, T1 + PET 0.863, 0.864 and 0.865, where the best single ones have 0.862, 0.852 and 0.862. Not kept:
weights by the expected DSC, the surer of both by slice or by object (dev, below the best single one), and ties left to
the chosen series (better on train; dev, CT + PET 0.844, below the 0.849 of PET).
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
from scene import print_table

from volsweep.evaluate import Case, read_cases
from volsweep.evaluate.metrics import dice
from volsweep.evaluate.protocols import Protocol, Reader
from volsweep.evaluate.targets import Target
from volsweep.geometry import Plane
from volsweep.intensity import resolve_window
from volsweep.session.second.series import SecondSeries
from volsweep.session.session import Session

REPOSITORY = Path(__file__).resolve().parents[1]
POOR = 0.7
CASES = os.environ.get("VOLSWEEP_CASES", REPOSITORY.parent / "shared/cases")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--family", default="sarcoma")
    parser.add_argument("--every", type=int, default=1, help="take every nth patient")
    parser.add_argument("--both-ways", action="store_true", help="each series of a pair as the chosen one")
    args = parser.parse_args()
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    looked: list[tuple[float, float, bool]] = []
    patients = by_patient(read_cases(args.cases, args.split, [args.family]))
    for series in patients[:: args.every]:
        pairs = permutations if args.both_ways else combinations
        for first, second in pairs(sorted(series), 2):
            found[first, second].append(compared(series[first], series[second], looked))
            print(series[first].name, second, *(f"{one:.3f}" for one in found[first, second][-1]), flush=True)
    rows = [[f"{a} with {b}", len(scores), *means(scores)] for (a, b), scores in sorted(found.items())]
    print_table(["labels on, with", "patients", "the first alone", "the second alone", "fused", "floor"], rows)
    expected, dices, doubtful = (np.array(each) for each in zip(*looked, strict=True))
    poor = dices < POOR
    rates = [f"{doubtful[which].mean():.2f}" if which.any() else "–" for which in (poor, ~poor)]
    off = f"{np.abs(expected - dices).mean():.3f}"
    row = [len(looked), f"{expected.mean():.3f}", f"{dices.mean():.3f}", off, f"{poor.mean():.2f}", *rates]
    print_table(["fused slices", "expected DSC", "DSC", "mean error", "poor", "caught", "false"], [row])
    return 0


def by_patient(cases: list[Case]) -> list[dict[str, Case]]:
    patients: dict[str, dict[str, Case]] = defaultdict(dict)
    for case in cases:
        patients[case.patient][case.modality] = case
    return [patients[name] for name in sorted(patients) if len(patients[name]) > 1]


def means(scores: list[tuple[float, float, float]]) -> Iterator[str]:
    first, second, both = np.mean(scores, axis=0)
    yield from (f"{mean:.3f}" for mean in (first, second, both))
    yield "reached" if both >= max(first, second) else f"missed by {max(first, second) - both:.3f}"


def compared(first: Case, second: Case, looked: list[tuple[float, float, bool]]) -> tuple[float, float, float]:
    """DSC of the first series by itself, of the second by itself, and of both; what is expected of slices is added."""
    volume, labels = first.load()
    other, _ = second.load()
    target = Target.of(first.name, 1, labels.mask_zyx(1), Plane.AXIAL, labels.grid)
    window = resolve_window(volume, first.true_window())
    beside = SecondSeries.beside(volume, other, window=resolve_window(other, second.true_window()))
    singles = [
        Session(volume, window=window, plane=Plane.AXIAL),
        Session(beside.volume, window=beside.window, plane=Plane.AXIAL),
    ]
    both = Session(volume, window=window, plane=Plane.AXIAL, second=beside)
    one, other_one = (dice(target.masks_nyx, read(target, session)) for session in singles)
    found_nyx = read(target, both)
    for z, trust in both.trust(target.label).items():
        if not (trust.prompted or trust.empty or trust.expected_dice is None):
            looked.append((trust.expected_dice, dice(target.masks_nyx[z], found_nyx[z]), trust.doubtful))
    return one, other_one, dice(target.masks_nyx, found_nyx)


def read(target: Target, session: Session) -> np.ndarray:
    """What one box finds, (slices, rows, columns)."""
    return Reader(target, session).read(Protocol.A).final_nyx


if __name__ == "__main__":
    raise SystemExit(main())
