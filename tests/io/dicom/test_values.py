"""Values of tags: what damaged files put there is nothing, and never a patient's words."""

from __future__ import annotations

import logging
import warnings

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from volsweep.io.dicom.values import (
    code_of,
    integer_of,
    is_given,
    items_of,
    number_of,
    numbers_of,
    quiet,
    text_of,
    uid_of,
)


def holding(keyword: str, vr: str, value: object) -> Dataset:
    """A data set with one tag, whose value nobody has looked at."""
    ds = Dataset()
    with quiet():
        ds[keyword] = DataElement(pydicom.datadict.tag_for_keyword(keyword), vr, value)
    return ds


@pytest.mark.parametrize(
    ("value", "count", "expected"),
    [
        (["1", "2.5", "-3e2"], 3, (1.0, 2.5, -300.0)),
        (["1", "2.5"], 3, None),
        (["1", "2.5"], None, (1.0, 2.5)),
        (["1", "inf", "3"], 3, None),
        (["nan"], None, None),
        (None, None, None),
        ("", 1, None),
    ],
)
def test_numbers(value, count, expected):
    assert numbers_of(holding("ImagePositionPatient", "DS", value), "ImagePositionPatient", count) == expected


def test_one_number_and_its_whole_part():
    ds = holding("WindowCenter", "DS", ["40.5", "400"])
    assert (number_of(ds, "WindowCenter"), integer_of(ds, "WindowCenter")) == (40.5, 40)
    assert number_of(Dataset(), "WindowCenter") is None
    assert integer_of(Dataset(), "WindowCenter") is None


@pytest.mark.parametrize("text", ["1.2.840.10008", "1.2.3"])
def test_uids(text):
    assert uid_of(holding("SeriesInstanceUID", "UI", text), "SeriesInstanceUID") == text


@pytest.mark.parametrize("text", ["1.2.3 Quixote^Alonso", "1" * 65, "Quixote"])
def test_a_uid_that_swallowed_what_follows_is_none(text):
    assert uid_of(holding("SeriesInstanceUID", "LO", text), "SeriesInstanceUID") == ""


def test_codes_are_capitals_and_digits():
    assert code_of(holding("Modality", "CS", "CT"), "Modality") == "CT"
    assert code_of(holding("Modality", "LO", "Quixote^Alonso"), "Modality") == ""


def test_several_values_as_text():
    assert text_of(holding("ImageType", "CS", ["ORIGINAL", "PRIMARY"]), "ImageType") == "ORIGINAL\\PRIMARY"
    assert text_of(Dataset(), "ImageType") == ""


def test_items():
    ds = holding("PixelMeasuresSequence", "SQ", Sequence([Dataset(), Dataset()]))
    assert len(items_of(ds, "PixelMeasuresSequence")) == 2
    assert items_of(holding("PixelMeasuresSequence", "LO", "none"), "PixelMeasuresSequence") == []
    assert items_of(Dataset(), "PixelMeasuresSequence") == []


def test_pydicom_quotes_nothing_and_judges_again_afterwards(caplog):
    strict = pydicom.config.settings.reading_validation_mode
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as told, quiet():
        warnings.warn("Invalid value for VR PN: Quixote", stacklevel=1)
        holding("PatientBirthDate", "DA", "Quixote")
    assert not told
    assert "Quixote" not in caplog.text
    assert pydicom.config.settings.reading_validation_mode == strict
    with pytest.raises(ZeroDivisionError), quiet():
        _ = 1 / 0
    assert pydicom.config.settings.reading_validation_mode == strict


@pytest.mark.parametrize(("value", "given"), [(0, True), ("0", True), ("", False), (None, False), ("1", True)])
def test_zero_is_a_value(value, given):
    ds = Dataset()
    ds.RescaleIntercept = value
    assert is_given(ds, "RescaleIntercept") is given
    _ = ds.RescaleIntercept  # pydicom has turned it into a number now
    assert is_given(ds, "RescaleIntercept") is given
    assert not is_given(Dataset(), "RescaleIntercept")
