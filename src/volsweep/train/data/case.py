"""Training cases: volumes with label maps, named by a manifest, kept in memory as small integers.

A manifest is a JSON list; each entry names an image and its label map::

    [{"image": "a/ct.nii.gz", "label": "a/seg.nii.gz", "modality": "CT", "labels": [1, 2]}]

Paths are relative to the manifest. `labels` picks some values (all by default);
`open_ended` names labels whose ends were put somewhere along a longer structure (a spinal
cord contoured over some vertebrae): their last slice shows nothing, so nothing about ending
is learned from them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from volsweep.errors import InputError

# Radiotherapy contours these over the planned region only.
_HEADNECK_OPEN_ENDED = (2, 5)
_HEADNECK_OFFSET = -1000.0
"""open-kbp stores CT from 0 upwards: brainstem about 1030, spinal cord 1040, air 0."""


class ManifestEntry(BaseModel):
    """One case of a manifest."""

    model_config = ConfigDict(extra="ignore")

    image: Path
    label: Path
    modality: str = ""
    labels: tuple[int, ...] | None = None
    open_ended: tuple[int, ...] = ()
    offset: float = 0.0
    family: str = ""
    split: str = ""


@dataclass(frozen=True)
class Target:
    """One label of a case, and the slices it lies on.

    Parameters
    ----------
    value
        The label.
    extents
        First and last slice along each array axis.
    areas
        Voxels on each slice, along each array axis.
    open_ended
        Whether its ends along axis 0 are arbitrary.
    """

    value: int
    extents: tuple[tuple[int, int], ...]
    areas: tuple[NDArray[np.int64], ...]
    open_ended: bool = False


@dataclass(frozen=True, eq=False)
class Case:
    """A volume and its labels, ready to draw clips from.

    Parameters
    ----------
    image_zyx
        Values in the volume's own units.
    labels_zyx
        Integers, 0 for background.
    spacing_zyx_mm
        Voxel spacing.
    modality
        DICOM's two letters; ``"CT"`` means Hounsfield units.
    targets
        Its labels.
    name, family
        For logs and tables.
    """

    image_zyx: NDArray[Any]
    labels_zyx: NDArray[np.uint8]
    spacing_zyx_mm: tuple[float, float, float]
    modality: str
    targets: tuple[Target, ...]
    name: str = ""
    family: str = ""

    @cached_property
    def percentiles(self) -> NDArray[np.float64]:
        """The 0th to 100th percentile of the tissue (the smallest value left out)."""
        values = self.image_zyx.reshape(-1)
        values = values[:: max(1, values.size // 1_000_000)]
        tissue = values[values > values.min()]
        source = tissue if tissue.size else values
        fractions = np.concatenate([[0.5], np.arange(1, 100), [99.5]])
        return np.asarray(np.percentile(source, fractions), dtype=np.float64)

    def with_content(
        self, image_zyx: NDArray[Any], labels_zyx: NDArray[np.uint8], targets: tuple[Target, ...], family: str
    ) -> Case:
        """Other arrays from the same scan, shown with the windows of the whole of it."""
        other = replace(self, image_zyx=image_zyx, labels_zyx=labels_zyx, targets=targets, family=family)
        other.__dict__["percentiles"] = self.percentiles
        return other

    @property
    def has_hounsfield_units(self) -> bool:
        """Whether CT windows apply."""
        return self.modality == "CT"


def find_targets(
    labels_zyx: NDArray[np.uint8], values: Sequence[int], open_ended: Sequence[int] = ()
) -> tuple[Target, ...]:
    """Locate labels on the slices of every axis; labels that do not occur are left out."""
    targets = []
    for value in values:
        mask = labels_zyx == value
        if not mask.any():
            continue
        areas = tuple(mask.sum(axis=tuple(a for a in range(3) if a != axis)) for axis in range(3))
        extents = tuple((int(np.flatnonzero(a)[0]), int(np.flatnonzero(a)[-1])) for a in areas)
        targets.append(Target(int(value), extents, areas, value in open_ended))
    return tuple(targets)


def read_manifest(path: Path | str) -> list[ManifestEntry]:
    """Read a manifest, or a `cases.json` of the shared cases, with absolute paths.

    Raises
    ------
    InputError
        If it is missing or is not a manifest.
    """
    path = Path(path)
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a manifest: {error}") from error
    if isinstance(raw, list) and raw and all(isinstance(e, dict) and "path" in e for e in raw):
        raw = [_shared_case(entry) for entry in raw]
    try:
        entries = TypeAdapter(list[ManifestEntry]).validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} is not a manifest: {where}: {first['msg']}") from error
    if not entries:
        raise InputError(f"{path} names no cases")
    base = path.resolve().parent
    return [e.model_copy(update={"image": base / e.image, "label": base / e.label}) for e in entries]


def _shared_case(entry: dict[str, Any]) -> dict[str, Any]:
    folder = Path(entry["path"])
    return {
        "image": folder / "image.nii.gz",
        "label": folder / "label.nii.gz",
        "modality": entry.get("modality", ""),
        "family": entry.get("family", ""),
        "split": entry.get("split", ""),
        "open_ended": _HEADNECK_OPEN_ENDED if entry.get("family") == "headneck" else (),
        "offset": _HEADNECK_OFFSET if entry.get("family") == "headneck" else 0.0,
    }


def load_case(entry: ManifestEntry) -> Case:
    """Read one case.

    Raises
    ------
    InputError
        If image and label do not share a grid, or none of the labels occurs.
    """
    from volsweep.io import read_labels, read_volume

    volume, label_volume = read_volume(entry.image), read_labels(entry.label)
    if not volume.grid.matches(label_volume.grid):
        raise InputError(
            f"{entry.label} does not lie on the grid of {entry.image}: shapes {label_volume.shape_zyx} and "
            f"{volume.shape_zyx}; resample the labels onto the image first"
        )
    values = entry.labels or label_volume.values()
    if max(values, default=0) > np.iinfo(np.uint8).max:
        raise InputError(f"{entry.label} holds label {max(values)}; training takes labels up to 255")
    labels_zyx = np.ascontiguousarray(label_volume.array_zyx).astype(np.uint8)
    targets = find_targets(labels_zyx, values, entry.open_ended)
    if not targets:
        raise InputError(f"{entry.label} holds none of the labels {list(values)}; nothing can be learned from it")
    spacing = volume.grid.spacing_zyx_mm
    return Case(
        image_zyx=_shifted(np.ascontiguousarray(volume.array_zyx), entry.offset),
        labels_zyx=labels_zyx,
        spacing_zyx_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        modality=entry.modality or volume.modality,
        targets=targets,
        name=entry.image.parent.name,
        family=entry.family,
    )


def _shifted(image_zyx: NDArray[Any], offset: float) -> NDArray[Any]:
    if not offset:
        return image_zyx
    return (image_zyx + np.float32(offset)).astype(np.int16 if image_zyx.dtype == np.int16 else np.float32)
