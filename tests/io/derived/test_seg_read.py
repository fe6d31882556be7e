"""DICOM SEG in: overlaps, fractions, label maps, and segments that do not fit."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom.sr.codedict import codes
from support.dicom_files import AXIAL, OBLIQUE, along
from support.drawn_labels import drawn_on, series

from volsweep.errors import GeometryError, InputError
from volsweep.io import convert, read_labels, write_labels
from volsweep.io.derived.reference import read_headers
from volsweep.volume import LabelVolume


def test_a_segmentation_stands_on_its_own(tmp_path, rng):
    volume = series(tmp_path / "in", OBLIQUE)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[2, 4:9, 5:9], array[5, 3:5, 3:5] = 1, 2
    write_labels(tmp_path / "out.dcm", LabelVolume(array, volume.grid, {}, volume.source))
    own = read_labels(tmp_path / "out.dcm")
    assert own.shape_zyx == (4, 33, 29)  # slices 2 to 5, the empty ones between filled in
    assert np.array_equal(own.array_zyx, array[2:6])
    assert np.allclose(own.grid.to_lps_mm([0, 0, 0]), volume.grid.to_lps_mm([2, 0, 0]))
    assert own.source is not None
    assert own.source.series_uid == volume.source.series_uid
    receipt = convert(tmp_path / "out.dcm", tmp_path / "out.nii.gz")
    assert receipt.voxels == {1: 20, 2: 4}


def test_overlapping_segments_are_given_to_the_smaller_one(tmp_path):
    volume = series(tmp_path / "in")
    headers = read_headers(volume.source)
    masks = np.zeros((*volume.shape_zyx, 2), dtype=bool)
    masks[2:7, 5:25, 5:25, 0] = True
    masks[4, 10:14, 10:14, 1] = True
    write_foreign(tmp_path / "out.dcm", headers, masks, "BINARY")
    labels = read_labels(tmp_path / "out.dcm", source=tmp_path / "in")
    assert np.array_equal(labels.array_zyx == 2, masks[..., 1])
    assert np.array_equal(labels.array_zyx == 1, masks[..., 0] & ~masks[..., 1])
    assert len(labels.warnings) == 1
    assert "16 voxels" in labels.warnings[0]
    assert convert(tmp_path / "out.dcm", tmp_path / "out.nrrd").warnings == labels.warnings


def test_fractional_segments_are_cut_at_one_half(tmp_path):
    volume = series(tmp_path / "in")
    headers = read_headers(volume.source)
    fractions = np.zeros((*volume.shape_zyx, 1), dtype=np.float32)
    fractions[3, 5, 5:9, 0] = [0.2, 0.45, 0.55, 1.0]
    write_foreign(tmp_path / "out.dcm", headers, fractions, "FRACTIONAL")
    labels = read_labels(tmp_path / "out.dcm", source=tmp_path / "in")
    assert labels.array_zyx[3, 5, 5:9].tolist() == [0, 0, 1, 1]
    assert "fractional" in labels.warnings[0]


def test_labelmap_segmentations_are_read(tmp_path):
    volume = series(tmp_path / "in")
    headers = read_headers(volume.source)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3, 5, 5:9], array[4, 5, 5:9] = 1, 2
    write_foreign(tmp_path / "out.dcm", headers, array, "LABELMAP")
    assert np.array_equal(read_labels(tmp_path / "out.dcm", source=tmp_path / "in").array_zyx, array)


def write_foreign(path: Path, headers, pixels, kind: str) -> None:
    """A segmentation as other software writes it: no label values in the descriptions."""
    segments = [
        highdicom.seg.SegmentDescription(n, f"segment {n}", codes.SCT.Tissue, codes.SCT.Tissue, "MANUAL")
        for n in range(1, 2 if kind == "FRACTIONAL" else 3)
    ]
    highdicom.seg.Segmentation(
        headers, pixels, kind, segments, highdicom.UID(), 1, highdicom.UID(), 1, "m", "m", "1", "1"
    ).save_as(path)


def test_segments_of_another_series_are_refused(tmp_path, rng):
    write_labels(tmp_path / "out.dcm", drawn_on(series(tmp_path / "in"), rng))
    series(tmp_path / "other", AXIAL, along(AXIAL, 9, 2.5, start=(-20, 11, 51.0)))
    with pytest.raises(GeometryError, match="another grid"):
        read_labels(tmp_path / "out.dcm", source=tmp_path / "other")


@pytest.mark.parametrize("syntax", ["1.2.840.10008.5.1.4.1.1.2", "9.9", ""])
def test_a_damaged_transfer_syntax_ends_in_labels_or_a_sentence(tmp_path, rng, syntax):
    labels = drawn_on(series(tmp_path / "in"), rng)
    write_labels(tmp_path / "out.dcm", labels)
    stored = (tmp_path / "out.dcm").read_bytes()
    known = b"1.2.840.10008.1.2.1\0"
    assert stored.count(known) == 1
    (tmp_path / "out.dcm").write_bytes(stored.replace(known, syntax.encode().ljust(len(known), b"\0")[: len(known)]))
    with suppress(InputError):
        assert np.array_equal(read_labels(tmp_path / "out.dcm", source=tmp_path / "in").array_zyx, labels.array_zyx)
