"""Training cases: volumes with label maps, kept in memory as small integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.cases import manifest
from volsweep.errors import InputError
from volsweep.intensity import Window, resolve_window


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
    window
        The window its manifest says it is looked at in; None leaves it to the modality.
    """

    image_zyx: NDArray[Any]
    labels_zyx: NDArray[np.uint8]
    spacing_zyx_mm: tuple[float, float, float]
    modality: str
    targets: tuple[Target, ...]
    name: str = ""
    family: str = ""
    window: Window | None = None

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


def load_case(listed: manifest.Case) -> Case:
    """Read one case of a manifest.

    Raises
    ------
    GeometryError, InputError
        If image and label do not share a grid, or none of the labels occurs.
    """
    volume, label_volume = listed.load()
    values = listed.labels or label_volume.values()
    if max(values, default=0) > np.iinfo(np.uint8).max:
        raise InputError(f"{listed.label} holds label {max(values)}; training takes labels up to 255")
    labels_zyx = np.ascontiguousarray(label_volume.array_zyx).astype(np.uint8)
    targets = find_targets(labels_zyx, values, listed.open_ended)
    if not targets:
        raise InputError(f"{listed.label} holds none of the labels {list(values)}; nothing can be learned from it")
    spacing = volume.grid.spacing_zyx_mm
    window = listed.true_window()
    return Case(
        image_zyx=np.ascontiguousarray(volume.array_zyx),
        labels_zyx=labels_zyx,
        spacing_zyx_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        modality=volume.modality,
        targets=targets,
        name=listed.name,
        family=listed.family,
        window=None if window == "auto" else resolve_window(volume, window),
    )
