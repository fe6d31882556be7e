"""Values and names as DICOM may hold them, held against pydicom's own validation."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.valuerep import validate_value
from support.drawn_labels import KINDS, series

from volsweep.io import read_labels, write_labels
from volsweep.io.derived.texts import names_of, speak_unicode, tidy_value
from volsweep.volume import Label, LabelVolume


@pytest.mark.parametrize(
    ("keyword", "value", "becomes", "told"),
    [
        ("StudyTime", "12:30:15", "123015", False),
        ("StudyTime", "123015.25", "123015.25", False),
        ("StudyTime", "123015.1234567", "123015.123456", True),
        ("StudyTime", "25", "", True),
        ("StudyTime", "noon", "", True),
        ("StudyDate", "2026.01.02", "20260102", False),
        ("StudyDate", "260102", "", True),
        ("StudyDate", "20260230", "", True),
        ("PatientSex", "U", "", True),
        ("PatientSex", "m", "M", True),
        ("PatientSex", "O", "O", False),
        ("PatientAge", "45", "", True),
        ("PatientAge", "045Y", "045Y", False),
        ("PatientAge", "7m", "007M", True),
        ("ReferringPhysicianName", "", "", False),
        ("ReferringPhysicianName", "^", "^", False),
        ("StudyID", "x" * 20, "x" * 16, True),
        ("PatientIdentityRemoved", "Y", "", True),
        ("PatientName", f"{'A' * 70}^B", "A" * 64, True),
        ("PatientName", "a^b^c^d^e^f^g", "a^b^c^d^e f g", False),
        ("PatientName", "a=b=c=d", "a=b=c", True),
        ("ReferringPhysicianName", "a\\b", "a/b", True),
        ("PatientID", "a\\b", "a/b", True),
        ("PatientID", "12\x1b[31m-3", "12[31m-3", True),
        ("PatientID", " 12-3 ", "12-3", False),
    ],
)
def test_values_are_made_valid_or_blank_and_told(keyword, value, becomes, told):
    dataset = pydicom.Dataset()
    with pydicom.config.disable_value_validation():
        setattr(dataset, keyword, value)
        notes = tidy_value(dataset, keyword)
        after = dataset[keyword].value
    assert str(after or "") == becomes
    assert bool(notes) == told
    assert all(keyword in note and f"{value!r}" not in note for note in notes)
    validate_value(dataset[keyword].VR, becomes, pydicom.config.RAISE)


def test_long_names_stay_apart():
    long = "a" * 70
    labels = {n: Label(name, "#ff0000") for n, name in enumerate([f"{long} left", f"{long} right", "liver", ""], 1)}
    names, notes = names_of(labels)
    assert len(set(names.values())) == 4
    assert all(0 < len(name) <= 64 for name in names.values())
    assert (names[3], names[4]) == ("liver", "object 4")
    assert len(notes) == 1
    assert "object 1, object 2" in notes[0]
    inside = {n: Label(f"{'a' * 40}{n}{'b' * 40}", "#ff0000") for n in (1, 2)}
    assert len(set(names_of(inside)[0].values())) == 2
    assert names_of({1: Label("liver", "#ff0000")}) == ({1: "liver"}, ())


def test_names_that_become_one_in_dicom_stay_apart():
    labels = {n: Label(name, "#ff0000") for n, name in enumerate(["a/b", "a\\b", "ab", "a\nb", "GTV", "GTV"], 1)}
    names, notes = names_of(labels)
    assert names == {1: "a/b", 2: "a/b (2)", 3: "ab", 4: "ab (4)", 5: "GTV", 6: "GTV"}, (
        "of one name before is of one now"
    )
    assert len(notes) == 2
    assert "object 2" in notes[0]


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("ISO_IR 192", "Müller^Jürgen"),
    ],
)
def test_names_keep_their_letters_in_what_is_written(tmp_path, charset, name):
    def edit(ds, _):
        ds.SpecificCharacterSet = charset
        ds.PatientName = name

    volume = series(tmp_path / "in", edit=edit)
    labels = LabelVolume(np.ones(volume.shape_zyx, np.uint8), volume.grid, {1: Label("腫瘍", "#ff0000")}, volume.source)
    for suffix in KINDS:
        write_labels(tmp_path / f"out{suffix}", labels)
        made = pydicom.dcmread(tmp_path / f"out{suffix}")
        assert made.SpecificCharacterSet == "ISO_IR 192"
        assert str(made.PatientName) == name
        assert read_labels(tmp_path / f"out{suffix}", source=volume).labels[1].name == "腫瘍"


@pytest.mark.parametrize("charset", [None, "", "ISO_IR 999"])
def test_unicode_without_its_name_is_read_as_such(tmp_path, charset):
    def edit(ds, _):
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.PatientName, ds.StudyDescription = "Müller^Änne", "Schädel"

    volume = series(tmp_path / "in", edit=edit)
    for path in volume.source.slice_files:
        content = path.read_bytes()
        stated = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192"
        other = b"" if charset is None else b"\x08\x00\x05\x00CS" + bytes([len(charset), 0]) + charset.encode()
        path.write_bytes(content.replace(stated, other))
    labels = LabelVolume(np.ones(volume.shape_zyx, np.uint8), volume.grid, {1: Label("x", "#ff0000")}, volume.source)
    receipt = write_labels(tmp_path / "out.seg.dcm", labels)
    made = pydicom.dcmread(tmp_path / "out.seg.dcm")
    assert (str(made.PatientName), made.StudyDescription) == ("Müller^Änne", "Schädel")
    assert any("read as UTF-8" in note for note in receipt.warnings)


def test_letters_that_cannot_be_read_are_told():
    dataset = pydicom.Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.StudyDescription = "M\ufffdller"
    assert "cannot be read" in tidy_value(dataset, "StudyDescription")[0]


def test_a_character_set_that_does_not_exist_is_told():
    dataset = pydicom.Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 999"
    dataset.StudyDescription = "head"
    notes = speak_unicode(dataset)
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert dataset.StudyDescription == "head"
    assert len(notes) <= 1


def test_escapes_between_character_sets_are_no_letters():
    """Of GB 2312, which pydicom leaves in the text (PS3.5 annex K has the example)."""
    dataset = pydicom.Dataset()
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 58"]
    dataset.PatientName = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="
    assert speak_unicode(dataset) == []
    assert tidy_value(dataset, "PatientName") == []
    assert str(dataset.PatientName) == "Zhang^XiaoDong=张^小东"
