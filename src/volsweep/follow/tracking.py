"""What DICOM calls one object in all its studies."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from volsweep.io.overlaps import Labelled
from volsweep.volume import Label, Volume

_OURS = uuid.UUID("7c2f6c1e-5d0b-4b5e-9a53-0f6f1c0f3a21")


def tracked(labels: Labelled, baseline: Volume) -> Mapping[int, Label]:
    """Labels, each with a tracking UID: its own, or one that follows from the baseline's series and its number.

    So whoever follows the same baseline again, or reports it alone, calls the object the same.
    """
    series = baseline.source.series_uid if baseline.source is not None else None
    whose = series or baseline.content_sha256
    return {
        value: label
        if label.tracking_uid
        else replace(label, tracking_uid=f"2.25.{uuid.uuid5(_OURS, f'{whose} {value}').int}")
        for value, label in labels.labels.items()
    }
