"""Fields and keys of NRRD and MetaImage headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from volsweep.errors import InputError
from volsweep.io.itk.fields import data_file, read_fields, read_keys

PLAIN = ["NDims = 3", "DimSize = 4 3 2", "ElementType = MET_SHORT"]


def header(folder: Path, *lines: str) -> Path:
    path = folder / "a.mhd"
    path.write_text("\n".join([*PLAIN, *lines, "ElementDataFile = LOCAL", "DimSize = 1 1 1"]))
    return path


def test_fields_end_where_the_voxels_begin(tmp_path: Path) -> None:
    fields = read_fields(header(tmp_path))
    assert fields["dimsize"] == "4 3 2"
    assert data_file(fields) == ""


@pytest.mark.parametrize("twice", ["DimSize = 400 300 200", "ElementType = MET_CHAR"])
def test_a_header_that_says_a_thing_twice(tmp_path: Path, twice: str) -> None:
    """ITK believes the last, and our checks looked at the first."""
    with pytest.raises(InputError, match=f"says {twice.partition(' ')[0]} twice"):
        read_fields(header(tmp_path, twice))
    assert read_fields(header(tmp_path, *PLAIN)) == read_fields(header(tmp_path))


def test_keys_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    path.write_text("NRRD0005\ntype: uchar\nb:=two\\nlines\n# c:=no\na:=1\n\nd:=voxels")
    assert list(read_keys(path).items()) == [("b", "two\nlines"), ("a", "1")]
