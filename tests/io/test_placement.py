"""Labels put on the grid of their series, voxel on voxel."""

from __future__ import annotations

import numpy as np
import pytest
from support.dicom_files import OBLIQUE, write_echoes
from support.drawn_labels import LABELS, drawn_on, series

from volsweep.errors import GeometryError
from volsweep.geometry import Grid
from volsweep.io import convert, read_labels, read_objects, read_volume, write_labels
from volsweep.io.overlaps import Objects
from volsweep.volume import LabelVolume, Volume


def test_masks_of_other_tools_are_put_on_the_series(tmp_path, rng):
    """The same voxels, flipped, transposed and cropped: exactly what ITK and nibabel tools return."""
    volume = series(tmp_path / "in", OBLIQUE)
    labels = drawn_on(volume, rng)
    array = labels.array_zyx.copy()
    array[:2], array[-1:] = 0, 0
    affine = np.asarray(volume.affine).copy()
    flipped = affine.copy()
    flipped[:3, 3] = affine[:3, 3] + affine[:3, 0] * 7 + affine[:3, 1] * 32
    flipped[:3, 0], flipped[:3, 1] = -affine[:3, 2], -affine[:3, 1]
    flipped[:3, 2] = -affine[:3, 0]
    flipped[:3, 3] += affine[:3, 2] * 28
    turned = np.transpose(array[:8], (2, 1, 0))[::-1, ::-1, ::-1]
    write_labels(tmp_path / "t.nii.gz", LabelVolume(turned.copy(), Grid(turned.shape, flipped)))
    assert np.array_equal(read_labels(tmp_path / "t.nii.gz", source=volume).array_zyx, array)
    receipt = convert(tmp_path / "t.nii.gz", tmp_path / "t.seg.dcm", source=tmp_path / "in")
    assert receipt.voxels == {int(v): int((array == v).sum()) for v in LABELS}
    short = Volume(volume.array_zyx[:4], Grid((4, 33, 29), affine))
    with pytest.raises(GeometryError, match="beyond the series"):
        read_labels(tmp_path / "t.nii.gz", source=short)
    fine = Grid((17, 33, 29), affine @ np.diag([0.5, 1, 1, 1]))
    with pytest.raises(GeometryError, match="another grid"):
        read_labels(tmp_path / "t.nii.gz", source=Volume(np.zeros((17, 33, 29)), fine))


@pytest.mark.parametrize("name", ["l.nii.gz", "l.nrrd", "l.seg.nrrd", "l.seg.dcm"])
def test_labels_of_another_frame_of_reference_are_not_put_on_a_grid_that_is_alike(tmp_path, rng, name):
    """In every format: what lies alike in two frames of reference lies so by chance."""
    volume = series(tmp_path / "in", OBLIQUE)
    other = series(tmp_path / "other", OBLIQUE)
    assert other.grid.matches(volume.grid)
    write_labels(tmp_path / name, drawn_on(volume, rng))
    assert read_labels(tmp_path / name, source=volume).warnings == ()
    with pytest.raises(GeometryError, match="another frame of reference"):
        read_labels(tmp_path / name, source=other)


def test_labels_that_overlap_of_another_frame_of_reference(tmp_path, rng):
    volume, other = series(tmp_path / "in", OBLIQUE), series(tmp_path / "other", OBLIQUE)
    objects = Objects.of(drawn_on(volume, rng))
    at = next(iter(objects.found[0].patches))
    objects.found[1].patches[at] = objects.found[0].patches[at]
    write_labels(tmp_path / "l.nii.gz", objects)
    with pytest.raises(GeometryError, match=r"move l\.labels\.json away"):
        read_objects(tmp_path / "l.nii.gz", source=other)
    (tmp_path / "l.labels.json").unlink()
    read_labels(tmp_path / "l.nii.gz", source=other)


@pytest.mark.parametrize("name", ["x.nii.gz", "x.seg.nrrd", "x.seg.dcm", "x.rtstruct.dcm"])
def test_labels_of_a_part_of_a_series_find_it_again(tmp_path, name, rng):
    """By what lies beside them, or by the images that they refer to; the series as a whole is no volume."""
    uid = write_echoes(tmp_path / "mr")
    labels = drawn_on(read_volume(tmp_path / "mr", series=f"{uid}/2"), rng)
    write_labels(tmp_path / name, labels)
    found = read_labels(tmp_path / name, source=tmp_path / "mr")
    assert np.array_equal(found.array_zyx, labels.array_zyx)
    assert found.source.sop_instance_uids == labels.source.sop_instance_uids
    receipt = convert(tmp_path / name, tmp_path / "y.seg.dcm", source=tmp_path / "mr")
    assert not [note for note in receipt.warnings if "images" in note or "series" in note]
