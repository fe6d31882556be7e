"""The table of formats, and that everyone who names a format holds to it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

import volsweep
from volsweep.errors import InputError, OutputError
from volsweep.io import formats
from volsweep.io.formats import FORMATS, format_written_as, kind_of, load, named, stem_of, with_suffix

SOURCE = Path(volsweep.__file__).parent
DOCS = Path(__file__).parents[2] / "docs" / "formats.md"


def test_every_door_opens():
    for row in FORMATS:
        for door in (row.reader, row.objects, row.writer):
            assert not door or callable(load(door))
        assert row.reader or row.holds == "labels"
        assert bool(row.writer) == bool(row.written)
        assert set(row.detached) <= set(row.suffixes)


def test_napari_is_offered_what_is_read_and_written():
    contributions = yaml.safe_load((SOURCE / "napari" / "napari.yaml").read_text())["contributions"]
    (reader,), (writer,) = contributions["readers"], contributions["writers"]
    read = {pattern for row in FORMATS if row.reader or row.objects for pattern in row.patterns}
    # napari's patterns know capitals, and DICOM needs no suffix.
    assert {p if p in read else p.lower() for p in reader["filename_patterns"]} == read | {"*"}
    assert writer["filename_extensions"] == [s for row in FORMATS if not row.is_dicom for s in row.written]


def test_the_documentation_lists_what_is_written():
    first_table = DOCS.read_text().partition("\n\n`--to seg`")[0]
    cells = [line.split("|")[1] for line in first_table.splitlines() if line.startswith("| `") or "`.dcm`" in line]
    assert sorted(re.findall(r"`(\.[a-z.]+)`", " ".join(cells))) == sorted(formats.written_suffixes())


def test_nobody_else_writes_a_suffix():
    suffixes = {suffix for row in FORMATS for suffix in (*row.suffixes, *row.written)}
    found = []
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        in_names = {id(v) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for v in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in in_names:
                words = re.split(r"[\s,;()*]+", node.value.lower().strip("*;, ()"))
                if set(words) <= suffixes and file.name != "formats.py":
                    found.append(f"{file.relative_to(SOURCE)}:{node.lineno} {node.value!r}")
    assert found == []


@pytest.mark.parametrize(
    ("name", "kind", "stem"),
    [
        ("a.NII.GZ", "nifti", "a"),
        ("a.b.nii", "nifti", "a.b"),
        ("a.nhdr", "nrrd", "a"),
        ("a.seg.nrrd", "seg_nrrd", "a"),
        ("a.mha", "metaimage", "a"),
        ("a.seg.dcm", "seg", "a"),
        ("a.rs.dcm", "rtstruct", "a"),
        ("a.dcm", "dicom", "a"),
        ("a.IMA", "dicom", "a"),
        ("DICOMDIR", "dicom", "DICOMDIR"),
        (".nii", "nifti", ".nii"),
        ("a.txt", None, "a.txt"),
        ("IM0001", None, "IM0001"),
    ],
)
def test_names(name, kind, stem):
    row = named(name)
    assert (row.kind if row else None) == kind
    assert stem_of(name) == stem


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.nii.gz", "nifti"),
        ("x.nrrd", "nrrd"),
        ("x.Seg.NRRD", "seg_nrrd"),
        ("x.seg.dcm", "seg"),
        ("x.dcm", "seg"),
        ("x.rtstruct.dcm", "rtstruct"),
        ("x.RS.DCM", "rtstruct"),
    ],
)
def test_the_name_chooses_the_format(name, kind):
    assert format_written_as(Path(name)).kind == kind
    assert with_suffix(Path(name)) == Path(name)


@pytest.mark.parametrize("name", ["x", "x.nhdr", "x.mha", "x.ima", "x.zip", "x.png"])
def test_other_names_are_refused_and_completed(name):
    with pytest.raises(OutputError, match="labels are written as"):
        format_written_as(Path(name))
    assert with_suffix(Path("in") / name) == Path("in") / f"{name}.nii.gz"


def test_what_a_dcm_becomes_can_be_said():
    assert format_written_as(Path("x.dcm"), "rtstruct").kind == "rtstruct"
    assert format_written_as(Path("x.rs.dcm"), "seg").kind == "seg"
    with pytest.raises(OutputError, match=r"end it with \.dcm"):
        format_written_as(Path("x.nii"), "seg")
    with pytest.raises(OutputError, match="dicom must be"):
        format_written_as(Path("x.dcm"), "sr")  # type: ignore[arg-type]


def test_dicom_is_told_by_its_bytes(tmp_path):
    (tmp_path / "IM1").write_bytes(bytes(128) + b"DICM" + bytes(20))
    assert kind_of(tmp_path / "IM1") == (tmp_path / "IM1", "dicom")
    assert kind_of(tmp_path)[1] == "dicom"
    (tmp_path / "notes.dcm").write_text("no pixels")
    with pytest.raises(InputError, match=r"none of the formats.*NRRD \(\.nrrd, \.nhdr\)"):
        kind_of(tmp_path / "notes.dcm")
    with pytest.raises(InputError, match="does not exist"):
        kind_of(tmp_path / "absent.nii")


def test_file_dialogs():
    assert formats.images_filter().startswith(
        "Volumes (*.nii.gz *.nii *.nrrd *.nhdr *.mha *.mhd *.dcm *.ima *.zip DICOMDIR)"
    )
    assert (
        formats.labels_filter(dicom=False)
        == "NIfTI (*.nii.gz *.nii);;3D Slicer segmentation (*.seg.nrrd);;NRRD (*.nrrd)"
    )
    assert "DICOM Segmentation (*.seg.dcm *.dcm)" in formats.labels_filter(dicom=True)


def test_what_belongs_to_a_file():
    assert formats.is_detached(Path("a.MHD"))
    assert not formats.is_detached(Path("a.mha"))
    assert all(formats.is_one_file(Path(f"a{s}")) for s in (".nii.gz", ".nrrd", ".mha", ".zip"))
    assert not any(formats.is_one_file(Path(name)) for name in ("a.dcm", "DICOMDIR", "a", "a.nhdr"))
    assert all(formats.may_be_slice(Path(name)) for name in ("IM1", "1.dcm", "a.IMA", "CT.1.2.840.99.7", "IM.0001"))
    assert not any(formats.may_be_slice(Path(name)) for name in ("a.nii.gz", "a.zip", "a.json", "a.1x"))
