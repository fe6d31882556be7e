"""Labels drawn on a made series, for the tests of what is written about it."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
from pydicom.sr.codedict import codes
from scipy import ndimage
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.io import read_volume
from volsweep.volume import Label, LabelVolume, Volume

KINDS = (".seg.dcm", ".rtstruct.dcm")
LABELS = {2: Label("liver tumour", "#e69f00"), 5: Label("Läsion", "#56b4e9"), 9: Label("left kidney", "#009e73")}


def drawn_on(volume: Volume, rng: np.random.Generator) -> LabelVolume:
    """Blobs with holes and islands in three labels, one of them on every slice."""
    smooth = ndimage.gaussian_filter(rng.random(volume.shape_zyx), 3)
    array = np.zeros(volume.shape_zyx, dtype=np.int32)
    for value, (low, high) in zip(LABELS, [(0.1, 0.4), (0.4, 0.5), (0.8, 0.95)], strict=True):
        array[(smooth > np.quantile(smooth, low)) & (smooth < np.quantile(smooth, high))] = value
    return LabelVolume(array, volume.grid, LABELS, volume.source)


def series(folder: Path, orientation=AXIAL, positions=None, **options) -> Volume:
    positions = along(orientation, 9, 2.5) if positions is None else positions
    write_series(folder, pattern(len(positions), 33, 29), positions, orientation=orientation, **options)
    return read_volume(folder, gaps="keep")


def for_rt_utils(folder: Path) -> tuple[Volume, np.ndarray]:
    """Square slices of square pixels (rt-utils 1.2 takes rows for columns) and a mask of a ring and a disc."""
    write_series(folder, pattern(6, 32, 32), along(AXIAL, 6, 2.5), spacing=(0.8, 0.8))
    volume = read_volume(folder)
    y, x = np.indices((32, 32))
    ring = np.hypot(y - 17, x - 13)
    mask = np.zeros(volume.shape_zyx, dtype=bool)
    mask[:3], mask[3:] = (ring < 12) & (ring > 5), ring < 11
    return volume, mask


def write_foreign(path: Path, headers, pixels, kind: str) -> None:
    """A segmentation as other software writes it: no label values in the descriptions."""
    segments = [
        highdicom.seg.SegmentDescription(n, f"segment {n}", codes.SCT.Tissue, codes.SCT.Tissue, "MANUAL")
        for n in range(1, 2 if kind == "FRACTIONAL" else 3)
    ]
    highdicom.seg.Segmentation(
        headers, pixels, kind, segments, highdicom.UID(), 1, highdicom.UID(), 1, "m", "m", "1", "1"
    ).save_as(path)
