"""Masks of several labels in one compressed file, scores included: what a sweep found, to be shown again at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from volsweep.errors import InputError, why_failed
from volsweep.geometry import Plane
from volsweep.io.writing import replacing
from volsweep.masks import LabelMasks, SliceMask

_WHOLE = ("slice", "top", "left", "prompted", "interpolated")
_REAL = ("iou", "object_score", "agreement", "expected_dice")


def write_masks(path: Path, masks: Mapping[int, LabelMasks]) -> None:
    """Write masks to a ``.npz`` file, replacing it; nothing in it needs pickle."""
    arrays: dict[str, Any] = {}
    about = {}
    for label, found in masks.items():
        every = list(found.by_slice.values())
        about[label] = {"plane": found.plane.value, "shape_yx": every[0].shape_yx if every else (0, 0)}
        arrays[f"{label}_whole"] = np.array([[getattr(m, name) for name in _WHOLE] for m in every], dtype=np.int32)
        # None becomes nan.
        arrays[f"{label}_real"] = np.array([[getattr(m, name) for name in _REAL] for m in every], dtype=np.float64)
        arrays[f"{label}_size"] = np.array([m.logits.shape for m in every], dtype=np.int32)
        arrays[f"{label}_logits"] = np.concatenate([np.zeros(0, np.float16), *(m.logits.ravel() for m in every)])
    with replacing([path], overwrite=True) as (temporary,):
        np.savez_compressed(temporary, about=np.array(json.dumps(about)), **arrays)


def read_masks(path: Path) -> dict[int, LabelMasks]:
    """Read masks back, label by label.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            return {int(label): _masks(file, label, entry) for label, entry in about.items()}
    except Exception as error:  # zipfile, zlib, numpy and json each have their own
        raise InputError(f"the masks in {path} cannot be read: {why_failed(error)}") from error


def _masks(file: Any, label: str, entry: Mapping[str, Any]) -> LabelMasks:
    sizes, logits = file[f"{label}_size"].reshape(-1, 2), file[f"{label}_logits"]
    ends = np.cumsum(sizes.prod(axis=1, dtype=np.int64))
    by_slice = {}
    for whole, real, size, end in zip(file[f"{label}_whole"], file[f"{label}_real"], sizes, ends, strict=True):
        # Files of before `interpolated` have four numbers.
        index, top, left, prompted, interpolated = (int(v) for v in (*whole, 0)[: len(_WHOLE)])
        # And of before `expected_dice`, three.
        iou, score, agreement, expected = (float(v) for v in (*real, np.nan)[: len(_REAL)])
        by_slice[index] = SliceMask(
            slice=index,
            shape_yx=tuple(entry["shape_yx"]),
            top=top,
            left=left,
            logits=logits[end - size.prod() : end].reshape(size),
            iou=iou,
            object_score=score,
            prompted=bool(prompted),
            agreement=None if np.isnan(agreement) else agreement,
            interpolated=bool(interpolated),
            expected_dice=None if np.isnan(expected) else expected,
        )
    return LabelMasks(Plane(entry["plane"]), by_slice)
