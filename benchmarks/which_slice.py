"""Which slice to outline next: five chosen by doubt, five evenly spaced ones, and the five largest errors by the truth.

    python benchmarks/which_slice.py                   # two cases of each of five groups of the dev cases
    python benchmarks/which_slice.py --cases-each 1

As protocol D: a box on the largest slice, a sweep, then five times the true mask on one more slice and a sweep.
"""

from __future__ import annotations

import argparse
import os
from itertools import pairwise
from pathlib import Path

import numpy as np

from volsweep import Session
from volsweep.cases.manifest import read_cases
from volsweep.evaluate.metrics import dice
from volsweep.evaluate.protocols import CLICKS
from volsweep.evaluate.targets import Target, next_click
from volsweep.session.trust import suggested_slice

REPOSITORY = Path(__file__).resolve().parents[1]
GROUPS = (("ctlesion", ""), ("glioma", ""), ("sarcoma", "PT"), ("sarcoma", "CT"), ("sarcoma", "MR"))
BY = ("doubt", "even", "truth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--cases", type=Path, default=os.environ.get("VOLSWEEP_CASES", REPOSITORY.parent / "shared/cases")
    )
    parser.add_argument("--cases-each", type=int, default=2)
    args = parser.parse_args()
    rows = []
    for family, modality in GROUPS:
        cases = [c for c in read_cases(args.cases, "dev", [family]) if modality in ("", c.modality)]
        for case in cases[: args.cases_each]:
            volume, labels = case.load()
            value = labels.values()[0]
            target = Target.of(case.name, value, labels.mask_zyx(value), volume.grid.own_plane, volume.grid)
            row = []
            for by in BY:
                session = Session(volume, window=case.true_window())
                row.append(outlined(session, target, by))
            rows.append(row)
            texts = "  ".join(f"{by} {found:.3f}" for by, found in zip(BY, np.array(row)[:, -1], strict=True))
            print(f"{case.name:32} box {row[0][0]:.3f}  after {CLICKS}: {texts}", flush=True)
    mean = np.array(rows).mean(axis=0)
    for by, values in zip(BY, mean, strict=True):
        print(f"{by:6} " + " ".join(f"{value:.3f}" for value in values))


def outlined(session: Session, target: Target, by: str) -> list[float]:
    """DSC after the box, and after each slice that was outlined."""
    session.add_box(label=target.label, slice=target.prompted_slice, box_xyxy=target.box())
    found = []
    for _ in range(CLICKS + 1):
        session.sweep()
        axis = target.grid.plane_axis(target.plane)
        masks = np.moveaxis(session.labels.array_zyx == target.label, axis, 0)
        found.append(dice(target.masks_nyx, masks))
        index = chosen(session, target, masks, by)
        if index is not None:
            session.add_mask(label=target.label, slice=index, mask_yx=target.masks_nyx[index])
    return found


def chosen(session: Session, target: Target, masks: np.ndarray, by: str) -> int | None:
    if by == "truth":
        click = next_click(target.masks_nyx, masks)
        return None if click is None else int(click.at_nyx[0])
    marks = session.trust(target.label)
    if by == "doubt":
        return suggested_slice(marks, {z: int(masks[z].sum()) for z in marks})
    there = [z for z, mark in marks.items() if not mark.empty]
    known = sorted({min(there) - 1, *(z for z in there if marks[z].prompted), max(there) + 1})
    width, index = max((b - a, -(a + b) // 2) for a, b in pairwise(known))  # the middle of the widest gap
    return -index if width > 1 else None


if __name__ == "__main__":
    main()
