"""A patient's objects carried to the next study, against a box drawn on that study itself.

    python benchmarks/follow_up.py                    # everything
    python benchmarks/follow_up.py --only studies     # two real studies of glioblastoma patients
    python benchmarks/follow_up.py --only displaced   # sarcomas turned, shifted, noisy, grown and shrunk
    python benchmarks/follow_up.py --only removed     # objects filled with what lies beside them: are they found gone?
    python benchmarks/follow_up.py --only put-in      # lesions put into real scans, then not there any more, or there
    python benchmarks/follow_up.py --only put-in --chosen    # the scans on which the rule for what is gone was chosen
    python benchmarks/follow_up.py --limit 2          # the first two of each: a minute or two, and no figure to quote

The real studies are roughly in register, their spacing is assumed and their outlines are ragged rims.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, cycle, islice
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_closing, distance_transform_edt, map_coordinates

from volsweep import LabelVolume, Session, Volume, read_labels, read_volume
from volsweep.cases.manifest import Case, read_cases
from volsweep.errors import GeometryError
from volsweep.evaluate.metrics import dice
from volsweep.follow import Fate, follow
from volsweep.geometry import mask_box_xyxy

REPOSITORY = Path(__file__).resolve().parents[1]
TURN_DEGREES, SHIFT_MM, NOISE = 6.0, 8.0, 0.03
SCALES = (0.8, 1.0, 1.25)
RIM_MM = 15.0
PUT_IN_SCALES = (0.7, 0.8, 1.0, 1.25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--cases", type=Path, default=os.environ.get("VOLSWEEP_CASES", REPOSITORY.parent / "shared/cases")
    )
    parser.add_argument("--only", choices=("studies", "displaced", "removed", "put-in"))
    parser.add_argument("--chosen", action="store_true", help="Of put-in, scans on which the rule was chosen.")
    parser.add_argument("--limit", type=int, help="Of each, the first so many at most.")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    if args.only in (None, "studies"):
        summed("two studies", [compared(*pair) for pair in islice(studies(args.cases), args.limit)])
    if args.only in (None, "displaced"):
        rows = []
        for name, volume, mask in islice(sarcomas(args.cases), args.limit):
            for scale in SCALES:
                copy, truth = displaced(volume, mask, rng, scale)
                rows.append(compared(f"{name} x {scale}", (volume, mask), (copy, truth)))
        summed("displaced copies", rows)
    if args.only in (None, "removed"):
        listed = chain(sarcomas(args.cases), firsts(args.cases))
        filled = [(*one, without(*one[1:])) for one in islice(listed, args.limit)]
        tell_gone("removed", [one for one in filled if one[3] is not None], rng)
    if args.only in (None, "put-in"):
        pairs = list(islice(put_in(args.cases, args.chosen), args.limit))
        tell_gone("put in", pairs, rng)
        still = ((name, volume, mask, volume) for name, volume, mask, _ in pairs)
        tell_gone("put in and still there", still, rng, PUT_IN_SCALES)


def compared(
    name: str, before: tuple[Volume, np.ndarray], after: tuple[Volume, np.ndarray]
) -> tuple[float, float] | None:
    """DSC in the later study: from the carried prompt, and from a box on the study itself."""
    (baseline, mask), (later, truth) = before, after
    labels = LabelVolume(mask.astype(np.uint8), baseline.grid)
    try:
        found = follow(baseline, labels, later)
    except GeometryError as error:
        print(f"{name:28} refused: {str(error)[:90]}", flush=True)
        return None
    (change,) = found.changes
    box = boxed(later, truth)
    own, carried = dice(truth, box), dice(truth, found.labels.mask_zyx(1))
    grown = truth.sum() / mask.sum()
    print(f"{name:28} carried {carried:.3f}  box {own:.3f}  {change.fate}  volume x {grown:.2f}", flush=True)
    return carried, own


def tell_gone(
    what: str,
    pairs: Iterable[tuple[str, Volume, np.ndarray, Volume]],
    rng: np.random.Generator,
    scales: Sequence[float] = (1.0,),
) -> None:
    """How many objects are found to be gone in a later study, a displaced copy of the last volume of each."""
    told = []
    for (name, volume, mask, now), scale in zip(pairs, cycle(scales)):
        later, _ = displaced(now, mask, rng, scale)
        found = follow(volume, LabelVolume(mask.astype(np.uint8), volume.grid), later)
        (change,) = found.changes
        told.append(change.fate is Fate.GONE)
        print(f"{name:28} {what}: {change.fate}, {mask.sum()} voxels", flush=True)
    print(f"{what}: {sum(told)} of {len(told)} found to be gone")


def summed(name: str, rows: list[tuple[float, float] | None]) -> None:
    kept = np.array([row for row in rows if row is not None])
    carried, own = kept.mean(axis=0)
    print(f"{name}: carried {carried:.3f}, box {own:.3f}, difference {carried - own:+.3f} ({len(kept)} of {len(rows)})")


def boxed(volume: Volume, truth: np.ndarray) -> np.ndarray:
    session = Session(volume)
    index = int(truth.sum(axis=(1, 2)).argmax())
    session.add_box(label=1, slice=index, box_xyxy=mask_box_xyxy(truth[index]))
    session.sweep()
    return session.labels.mask_zyx(1)


def studies(root: Path) -> Iterator[tuple[str, tuple[Volume, np.ndarray], tuple[Volume, np.ndarray]]]:
    cases = [case for split in ("train", "dev") for case in read_cases(root, split, ["glioblastoma"])]
    for first in cases:
        second = next((c for c in cases if c.name == f"{first.name[:-1]}2"), None)
        if first.name.endswith("_1") and second is not None:
            yield first.name[:-2], loaded(first), loaded(second)


def firsts(root: Path) -> Iterator[tuple[str, Volume, np.ndarray]]:
    for name, first, _ in studies(root):
        yield name, *first


def sarcomas(root: Path) -> Iterator[tuple[str, Volume, np.ndarray]]:
    for folder in sorted((root / "dicom").glob("sarcoma_*/*")):
        volume = read_volume(folder / "image")
        labels = read_labels(next((folder / "mask").rglob("*.dcm")), source=volume)
        yield f"{folder.parent.name[8:]} {folder.name}", volume, labels.mask_zyx(labels.values()[0])


def put_in(root: Path, chosen: bool) -> Iterator[tuple[str, Volume, np.ndarray, Volume]]:
    """Scans with a lesion put in, its mask, and the scans as they were; through some of the lesions these are seen."""
    rng = np.random.default_rng(1)
    heads, brains = (read_cases(root, "train", [family]) for family in ("headneck", "glioblastoma"))
    others = [*heads[8::12], *read_cases(root, "dev", ["headneck"]), *brains[9::2]]
    others += read_cases(root, "dev", ["glioblastoma"])[:1]
    for listed, through in zip([*heads[3::10], *brains[:8:2]] if chosen else others, cycle((0.0, 0.2))):
        bare = listed.load()[0]
        yield listed.name, *lesion_in(bare, through, rng), bare


def lesion_in(volume: Volume, through: float, rng: np.random.Generator) -> tuple[Volume, np.ndarray]:
    """An ellipsoid of 8 to 14 mm radius deep in tissue, brighter or darker, and how much of what was there is seen."""
    values, spacing = volume.array_zyx.astype(np.float32), volume.grid.spacing_zyx_mm
    is_ct = volume.has_hounsfield_units
    span = 400.0 if is_ct else float(np.subtract(*np.percentile(values[values > values.min()], [95, 5])))
    tissue = (values > -100) & (values < 200) if is_ct else values > np.percentile(values[values > values.min()], 30)
    radii = rng.uniform(8, 14, 3)
    depth = distance_transform_edt(binary_closing(tissue, iterations=2), sampling=spacing)
    deep = np.argwhere(depth >= min(radii.max(), float(depth.max())))
    away = (np.indices(values.shape).T - deep[rng.integers(len(deep))]).T * spacing[:, None, None, None]
    field = np.sqrt(((away.T / radii) ** 2).sum(axis=-1).T)
    mask = field < 1
    share = np.clip(0.5 - (field - 1) * radii.min() / 2, 0, 1) * (1 - through)  # soft over two millimetres
    grey = float(np.median(values[mask])) + rng.choice([-1, 1]) * rng.uniform(0.15, 0.35) * span
    grain = rng.normal(0, NOISE * span, values.shape)
    made = values * (1 - share) + (grey + grain) * share
    return replace(volume, array_zyx=made.astype(np.float32), source=None), mask


def loaded(case: Case) -> tuple[Volume, np.ndarray]:
    volume, labels = case.load()
    return volume, labels.mask_zyx(1)


def displaced(volume: Volume, mask: np.ndarray, rng: np.random.Generator, scale: float) -> tuple[Volume, np.ndarray]:
    """A copy turned, shifted and noisy, its object scaled and the tissue around it pushed or drawn after it."""
    grid = volume.grid
    places = grid.to_lps_mm(np.argwhere(mask))
    middle, half = places.mean(axis=0), np.ptp(places, axis=0) / 2 + 1
    turn, shift = turned(rng), rng.uniform(-SHIFT_MM, SHIFT_MM, 3)
    pivot = grid.to_lps_mm(np.array(grid.shape_zyx) / 2)
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape_zyx), indexing="ij"), axis=-1)
    offset = (grid.to_lps_mm(indices) - pivot - shift) @ turn + pivot - middle
    radius = np.linalg.norm(offset / half, axis=-1, keepdims=True)
    far = max(1.0, scale) * 1.05 + RIM_MM / half.min()
    outer = 1 + (radius - scale) * (far - 1) / (far - scale)
    own = np.where(radius < scale, radius / scale, np.where(radius < far, outer, radius))
    at = np.moveaxis(grid.to_index_zyx(middle + offset * own / np.maximum(radius, 1e-6)), -1, 0)
    values = map_coordinates(volume.array_zyx.astype(np.float32), at, order=1, mode="nearest")
    span = float(np.subtract(*np.percentile(volume.array_zyx, [95, 5])))
    values += rng.normal(0, NOISE * span, values.shape).astype(np.float32)
    truth = map_coordinates(mask.astype(np.float32), at, order=1, mode="constant") > 0.5
    return replace(volume, array_zyx=values, source=None), truth


def turned(rng: np.random.Generator) -> np.ndarray:
    a, b, c = np.radians(rng.uniform(-TURN_DEGREES, TURN_DEGREES, 3))
    about_x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    about_y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    about_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)


def without(volume: Volume, mask: np.ndarray) -> Volume | None:
    """The object filled with tissue from beside it, softly; None where none is like what surrounds it."""
    spacing, there = volume.grid.spacing_zyx_mm, np.argwhere(mask)
    ring = (distance_transform_edt(~mask, sampling=spacing) < 6) & ~mask
    _, rows, columns = np.ptp(there, axis=0) + 4
    around = volume.array_zyx[ring]
    found = []
    for dy, dx in ((rows, 0), (-rows, 0), (0, columns), (0, -columns)):
        at = there + np.array([0, dy, dx])
        if (at >= 0).all() and (at < volume.shape_zyx).all():
            off = abs(float(volume.array_zyx[tuple(at.T)].mean()) - float(around.mean())) / max(
                float(around.std()), 1e-3
            )
            found.append((off, int(dy), int(dx)))
    if not found:
        return None
    _, dy, dx = min(found)
    beside = np.roll(volume.array_zyx.astype(np.float32), (-dy, -dx), (1, 2))
    own = np.clip(distance_transform_edt(~mask, sampling=spacing) / 3, 0, 1)
    return replace(volume, array_zyx=(volume.array_zyx * own + beside * (1 - own)).astype(np.float32), source=None)


if __name__ == "__main__":
    main()
