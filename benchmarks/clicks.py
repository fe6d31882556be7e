"""What a click is worth: whether it is obeyed, and what it does to its slice and to the whole object.

    python benchmarks/clicks.py                        # sarcomas of dev: CT, T1 and PET
    python benchmarks/clicks.py --families ctlesion glioma vertebra

As protocol B: a box on the largest slice, a sweep, then five times a click in the middle of the largest error, and a
sweep. Then the same with clicks that stray by a tenth of the error's depth there, but stay within it.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scene import print_table, save
from scipy import ndimage

from volsweep import Session
from volsweep.cases.manifest import read_cases
from volsweep.evaluate.metrics import dice
from volsweep.evaluate.protocols import CLICKS
from volsweep.evaluate.targets import Target, next_click

REPOSITORY = Path(__file__).resolve().parents[1]
STRAYED = 0.1
LOST = 0.02
"""What no click may take from the object's DSC."""


@dataclass(frozen=True)
class Clicked:
    """One click: whether the voxel is as it says, and DSC of its slice and of the object, before and after."""

    strayed: bool
    positive: bool
    obeyed: bool
    slice_before: float
    slice_after: float
    before: float
    after: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cases", type=Path, default=os.environ.get("VOLSWEEP_CASES", REPOSITORY.parent / "shared/cases")
    )
    parser.add_argument("--families", nargs="*", default=["sarcoma"])
    parser.add_argument("--most", type=int, default=None, help="cases of each family and modality")
    parser.add_argument("--json", type=Path, default=None)
    args = parser.parse_args()
    clicks: dict[str, list[Clicked]] = defaultdict(list)
    seen: dict[str, int] = defaultdict(int)
    for case in read_cases(args.cases, "dev", args.families):
        group = f"{case.family} {case.modality}"
        seen[group] += 1
        if args.most is not None and seen[group] > args.most:
            continue
        volume, labels = case.load()
        for value in case.labels if case.labels is not None else labels.values():
            target = Target.of(case.name, value, labels.mask_zyx(value), volume.grid.own_plane, volume.grid)
            for strayed in (False, True):
                clicks[group] += read(Session(volume, window=case.true_window()), target, strayed)
    rows = [row for group, each in clicks.items() for row in summed(group, each)]
    print_table(
        [
            "family",
            "clicks",
            "obeyed",
            "slice before",
            "after",
            "gain",
            "object before",
            "after",
            "worst",
            f"lose > {LOST}",
        ],
        rows,
    )
    save({group: [asdict(one) for one in each] for group, each in clicks.items()}, args.json)


def read(session: Session, target: Target, strayed: bool) -> Iterator[Clicked]:
    """Five clicks of a reader who knows the truth."""
    session.add_box(label=target.label, slice=target.prompted_slice, box_xyxy=target.box())
    found = swept(session, target)
    rng = target.randomness(0)
    for _ in range(CLICKS):
        click = next_click(target.masks_nyx, found)
        if click is None:
            return
        n, y, x = near(click.at_nyx, target.masks_nyx != found, rng) if strayed else click.at_nyx
        point = np.insert(np.array([y, x]), target.grid.plane_axis(target.plane), n).tolist()
        positive = bool(target.masks_nyx[n, y, x])
        session.add_point(label=target.label, point_zyx=point, positive=positive)
        then = swept(session, target)
        pairs = [(target.masks_nyx[n], found[n]), (target.masks_nyx[n], then[n])]
        pairs += [(target.masks_nyx, found), (target.masks_nyx, then)]
        obeyed = bool(then[n, y, x]) == positive
        yield Clicked(strayed, positive, obeyed, *(dice(truth, mask) for truth, mask in pairs))
        found = then


def near(at_nyx: tuple[int, int, int], wrong_nyx: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int]:
    """A place a tenth of the error's depth away in its slice, as far as that is still the same error."""
    parts, _ = ndimage.label(wrong_nyx, structure=np.ones((3, 3, 3)))
    n, y, x = at_nyx
    same = parts == parts[at_nyx]
    depth = float(ndimage.distance_transform_edt(np.pad(same, 1))[n + 1, y + 1, x + 1])
    angle = rng.uniform(0, 2 * np.pi)
    for length in (STRAYED * depth, STRAYED * depth / 2):
        there = n, round(y + length * np.sin(angle)), round(x + length * np.cos(angle))
        if all(0 <= i < size for i, size in zip(there, same.shape, strict=True)) and same[there]:
            return there
    return at_nyx


def swept(session: Session, target: Target) -> np.ndarray:
    """The object's masks (slices, rows, columns) after a sweep."""
    for _ in session.steps():
        pass
    return np.moveaxis(session.labels.array_zyx == target.label, target.grid.plane_axis(target.plane), 0)


def summed(group: str, clicks: list[Clicked]) -> Iterator[list[object]]:
    """A row for clicks in the middle, and one for those that strayed."""
    for strayed in (False, True):
        own = [one for one in clicks if one.strayed == strayed]
        if not own:
            continue
        told = np.array([[one.slice_before, one.slice_after, one.before, one.after] for one in own])
        change = told[:, 3] - told[:, 2]
        mean = told.mean(axis=0)
        yield [
            group + (", strayed" if strayed else ""),
            len(own),
            sum(one.obeyed for one in own),
            *(f"{value:.3f}" for value in (mean[0], mean[1], mean[1] - mean[0], mean[2], mean[3])),
            f"{change.min():+.3f}",
            int((change < -LOST).sum()),
        ]


if __name__ == "__main__":
    main()
