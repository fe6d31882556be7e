"""The report of a job: what was done with what, and what came of it, as plain values for JSON."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from volsweep.engine.sweep.plan import SweepOptions
from volsweep.geometry import Plane
from volsweep.io import Receipt
from volsweep.job.notes import notes_after
from volsweep.measurement import Measurement, measure
from volsweep.models import checkpoint_path, sha256_of
from volsweep.session.session import Session
from volsweep.volume import Label, LabelVolume, Volume

SCHEMA = "volsweep-report"
VERSION = 1
_LIBRARIES = ("napari-volsweep", "sam2", "torch", "numpy", "pydicom", "nibabel", "SimpleITK")


@dataclass(frozen=True)
class Made:
    """What a job did.

    Parameters
    ----------
    source
        What was read.
    session
        In which it was done.
    plane, sweep
        Whose slices were swept, and how.
    labels, receipt
        What was written.
    doubtful
        Label -> slices that someone should look at.
    seconds
        Stage -> how long it took.
    notes
        Sentences on what was given and decided; those about the volume and the result come besides.
    """

    source: Path | tuple[Path, ...]
    session: Session
    plane: Plane
    sweep: SweepOptions
    labels: LabelVolume
    receipt: Receipt
    doubtful: Mapping[int, set[int]]
    seconds: Mapping[str, float]
    notes: tuple[str, ...] = ()


def report_of(made: Made) -> dict[str, Any]:
    """Make the report."""
    session, sweep, seconds = made.session, made.sweep, made.seconds
    engine, model = session.engine, session.model  # the last ones: a session may have changed them on the way
    rows = label_rows(made)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "model": {"id": model.id, "sha256": sha256_of(checkpoint_path(model)), "licence": model.licence},
        "run": {
            **engine.describe(),
            "window": {"width": session.window.width, "level": session.window.center, "name": session.window.name},
            "zoom": session.zoom,
            "plane": str(made.plane),
            "direction": str(sweep.direction),
            "range": sweep.slices,
            "stride": sweep.stride,
            "patience": sweep.patience,
        },
        "source": _source(made.source, session.volume),
        "prompts": [p.model_dump(mode="json") for p in session.state.prompts],
        "extents": [extent.model_dump(mode="json") for extent in session.state.extents],
        "labels": rows,
        "notes": [*made.notes, *notes_after(session, rows)],
        "seconds": {**seconds, "total": round(sum(seconds.values()), 3)},
        "slices_visited": engine.visited,
        "slices_per_second": round(engine.visited / max(seconds["sweep"], 1e-6), 1),
        "receipt": made.receipt.to_dict(),
    }


def label_rows(made: Made) -> list[dict[str, Any]]:
    """What was found of every label that was prompted, in the labels' order; one of which nothing was has no voxels."""
    session, plane = made.session, made.plane
    measured = measure(made.labels, session.volume, plane=plane)
    rows = {}
    for value in {*measured, *(p.label for p in session.state.prompts)}:
        label = made.labels.labels.get(value, Label.default(value))
        row = measured[value].to_dict() if value in measured else _nothing(value, label, plane)
        rows[value] = {**row, "doubtful_slices": sorted(made.doubtful.get(value, ()))}
    return [rows[value] for value in sorted(rows)]


def _nothing(value: int, label: Label, plane: Plane) -> dict[str, Any]:
    fields: dict[str, Any] = dict.fromkeys(Measurement.__dataclass_fields__)
    return fields | {
        "label": value,
        "name": label.name,
        "voxels": 0,
        "volume_ml": 0.0,
        "plane": plane.value,
        "slices": 0,
        "diameters": {"long_mm": 0.0, "short_mm": 0.0, "long_xyxy": None, "short_xyxy": None},
    }


def _source(path: Path | tuple[Path, ...], volume: Volume) -> dict[str, Any]:
    grid = volume.grid
    return {
        "path": str(volume.source.path if isinstance(path, tuple) and volume.source else path),
        "kind": volume.source.kind if volume.source else "memory",
        "series_uid": volume.source.series_uid if volume.source else None,
        "modality": volume.modality,
        "shape_zyx": list(grid.shape_zyx),
        "spacing_zyx_mm": np.round(grid.spacing_zyx_mm, 6).tolist(),
        "orientation": grid.orientation,
        "affine_lps": grid.affine.tolist(),
        "warnings": list(volume.warnings),
    }
