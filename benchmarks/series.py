"""Accuracy on whole DICOM series of the shared cases, against the expert's RTSTRUCT, under protocol A.

    python benchmarks/series.py
    python benchmarks/series.py --model runs/mine/model.safetensors

The dev cases are crops, which end near their object; a scanner's series goes on.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from volsweep import Session, read_labels, read_volume
from volsweep.evaluate.metrics import dice, end_errors
from volsweep.evaluate.protocols import Protocol, Reader
from volsweep.evaluate.targets import Target
from volsweep.geometry import Plane
from volsweep.models import find_model

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
SERIES = [f"sarcoma_{patient}/{kind}" for patient in ("sts023", "sts025") for kind in ("CT", "MR_T1", "PET")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=Path, default=os.environ.get("VOLSWEEP_CASES", CASES))
    parser.add_argument("--model", default="volsweep-nano", help="a name, or the path of a checkpoint")
    arguments = parser.parse_args()
    model = find_model(arguments.model)
    scores = []
    print("| series | DSC | voxels found | true | first, last slice off by |\n|---|---|---|---|---|")
    for name in SERIES:
        folder = arguments.cases / "dicom" / name
        volume = read_volume(folder / "image")
        labels = read_labels(folder / "mask" / "RS.dcm", source=volume)
        value = labels.values()[0]
        target = Target.of(name, value, labels.mask_zyx(value), Plane.AXIAL, labels.grid)
        found = Reader(target, Session(volume, model)).read(Protocol.A).final_nyx
        ends = end_errors(target.masks_nyx, found)
        scores.append(dice(target.masks_nyx, found))
        print(
            f"| {name} | {scores[-1]:.3f} | {found.sum()} | {target.masks_nyx.sum()} | {ends.first}, {ends.last} |",
            flush=True,
        )
    print(f"\nmean DSC {np.mean(scores):.3f}")


if __name__ == "__main__":
    main()
