"""Units of values: what the header says, and Hounsfield units for a CT that says nothing."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from volsweep.io.dicom.units import unit_of


@pytest.mark.parametrize(
    ("modality", "keyword", "value", "unit"),
    [
        ("CT", "Rows", 1, "HU"),
        ("CT", "RescaleType", "HU", "HU"),
        ("CT", "RescaleType", " hu ", "HU"),
        ("CT", "RescaleType", "MGML", "mg/ml"),
        ("CT", "RescaleType", "US", ""),
        ("CT", "RescaleType", "Z_EFF", "Z_eff"),
        ("CT", "RescaleType", "anything", ""),
        ("MR", "Rows", 1, ""),
        ("PT", "Units", "BQML", "Bq/ml"),
        ("PT", "Rows", 1, ""),
    ],
)
def test_of_a_slice(modality, keyword, value, unit):
    ds = Dataset()
    setattr(ds, keyword, value)
    assert unit_of(ds, modality) == unit


def test_of_an_enhanced_object():
    transform, group, ds = Dataset(), Dataset(), Dataset()
    transform.RescaleType = "MGML"
    group.PixelValueTransformationSequence = Sequence([transform])
    ds.PerFrameFunctionalGroupsSequence = Sequence([group])
    assert unit_of(ds, "CT") == "mg/ml"


@pytest.mark.parametrize(("slope", "unit"), [(1, "mg/mL"), (2, "HU")])
def test_a_real_world_value_counts_where_it_is_the_same_number(slope, unit):
    code, mapping, ds = Dataset(), Dataset(), Dataset()
    code.CodeValue = "mg/mL"
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = float(slope), 0.0
    mapping.MeasurementUnitsCodeSequence = Sequence([code])
    ds.RealWorldValueMappingSequence = Sequence([mapping])
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    assert unit_of(ds, "CT") == unit


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        (["DERIVED", "SECONDARY", "AXIAL", "MAT_SPECIFIC"], ""),
        (["DERIVED", "SECONDARY", "AXIAL", "EFF_ATOMIC_NUM"], ""),
        (["DERIVED", "SECONDARY", "IODINE"], ""),
        (["DERIVED", "PRIMARY", "PERFUSION", "CBF"], ""),
        (["DERIVED", "PRIMARY", "AXIAL", "MAT_FRACTION"], ""),
        (["DERIVED", "SECONDARY", "AXIAL", "VMI"], "HU"),
        (["ORIGINAL", "PRIMARY", "AXIAL"], "HU"),
    ],
)
def test_maps_of_materials_that_say_no_unit_have_none(kind, unit):
    ds = Dataset()
    ds.ImageType = kind
    assert unit_of(ds, "CT") == unit


def test_values_that_are_mapped_elsewhere_and_not_rescaled_have_no_unit():
    code, mapping, ds = Dataset(), Dataset(), Dataset()
    code.CodeValue = "mg/mL"
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 0.01, 0.0
    mapping.MeasurementUnitsCodeSequence = Sequence([code])
    ds.RealWorldValueMappingSequence = Sequence([mapping])
    assert unit_of(ds, "CT") == ""


@pytest.mark.parametrize(
    ("kind", "unit"), [("HU", "HU"), ("US", ""), ("OD", "OD/1000"), ("MGML", "mg/ml"), (None, "HU")]
)
def test_a_table_says_what_it_makes_of_values(kind, unit):
    """PS3.3 C.11.1: ModalityLUTType is to the table what RescaleType is to slope and intercept."""
    dataset, table = Dataset(), Dataset()
    if kind:
        table.ModalityLUTType = kind
    dataset.ModalityLUTSequence = [table]
    assert unit_of(dataset, "CT") == unit
