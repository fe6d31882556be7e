"""STL by its format, and OBJ as another program reads it: the same corners, in the same order."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from vispy.io import read_mesh

from volsweep.errors import OutputError
from volsweep.geometry import Grid
from volsweep.surfaces import Surface, surface_of, write_surface
from volsweep.volume import Label, LabelVolume


@pytest.fixture
def made() -> Surface:
    array = np.zeros((9, 12, 14), np.uint8)
    array[2:7, 3:9, 4:11] = 1
    on = Grid.axis_aligned(array.shape, (3.0, 1.0, 0.7), (-100.0, 50.0, 700.0))
    return surface_of(LabelVolume(array, on, {1: Label("liver lesion", "#ffffff")}), 1)


def test_another_program_reads_the_same_triangles(made, tmp_path):
    path = write_surface(tmp_path / "x.obj", made)
    points, triangles, *_ = read_mesh(str(path))
    np.testing.assert_allclose(np.asarray(points)[triangles], made.points_mm[made.triangles], atol=1e-3)
    assert b"SPACE=LPS" in path.read_bytes()[:80], "3D Slicer takes what says nothing for RAS, or asks"


def test_binary_stl_is_as_its_format_says(made, tmp_path):
    """80 bytes that do not begin with "solid", a count, and 50 bytes a facet: normal, three corners, no attributes."""
    content = write_surface(tmp_path / "x.stl", made).read_bytes()
    assert b"SPACE=LPS" in content[:80]
    assert not content.startswith(b"solid")
    (count,) = struct.unpack_from("<I", content, 80)
    assert (count, len(content)) == (len(made.triangles), 84 + 50 * count)
    for i, (normal, facet) in enumerate(struct.iter_unpack("<12s36s2x", content[84:])):
        corners = np.array(struct.unpack("<9f", facet)).reshape(3, 3)
        np.testing.assert_allclose(corners, made.points_mm[made.triangles[i]], atol=1e-3)
        across = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        along = np.dot(struct.unpack("<3f", normal), across)
        assert along == pytest.approx(np.linalg.norm(across), abs=1e-3), "of length one, by the right hand"


def test_names(made, tmp_path):
    with pytest.raises(OutputError, match=r"'x.ply' does not say in which format; end it in .stl or .obj"):
        write_surface(tmp_path / "x.ply", made)
    write_surface(tmp_path / "x.OBJ", made)
    assert "o liver_lesion\n" in (tmp_path / "x.OBJ").read_text()
    with pytest.raises(OutputError, match="exists already"):
        write_surface(tmp_path / "x.OBJ", made)
    write_surface(tmp_path / "x.OBJ", made, overwrite=True)
