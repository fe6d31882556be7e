"""Tiny series."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from support.stopping_batch import on_an_abacus

SHAPE_ZYX = (10, 40, 40)
BOX = "box ball=1@5:12,12,27,27"
RANGE = "4:6"


def ball_zyx() -> np.ndarray:
    z, y, x = np.indices(SHAPE_ZYX)
    return ((z - 5) / 4) ** 2 + ((y - 19.5) / 8) ** 2 + ((x - 19.5) / 8) ** 2 <= 1


@pytest.fixture
def series(tmp_path) -> Callable[..., Path]:
    """Write a small volume with a bright ball as NIfTI."""

    def write(name: str, seed: int = 0) -> Path:
        noise = np.random.default_rng(seed).normal(0, 10, SHAPE_ZYX)
        path = tmp_path / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image((100 + 150 * ball_zyx() + noise).astype(np.int16).T, np.diag([-2, -2, 4, 1])), path)
        return path

    return write


@pytest.fixture
def manifest(tmp_path) -> Callable[[Sequence[Mapping[str, str]]], Path]:
    """Write a manifest as CSV."""

    def write(rows: Sequence[Mapping[str, str]]) -> Path:
        path = tmp_path / "manifest.csv"
        columns = list(dict.fromkeys(key for row in rows for key in row))
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def as_started(monkeypatch):
    """Batches here come to what those of `support.stopping_batch` do."""
    on_an_abacus(monkeypatch)


@pytest.fixture
def three(series, manifest) -> Path:
    """A manifest of three series of which the second cannot be segmented."""
    for seed, name in enumerate("abc"):
        series(name, seed)
    return manifest(
        [
            {"series": "a.nii.gz", "prompts": BOX, "range": RANGE},
            {"series": "b.nii.gz", "prompts": "box 1@5:100,1,120,9", "range": RANGE},
            {"series": "c.nii.gz", "prompts": BOX, "range": RANGE},
        ]
    )
