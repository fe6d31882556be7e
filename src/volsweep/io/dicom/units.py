"""What the values of an image are: Hounsfield units, a concentration, counts; and which bits hold them."""

from __future__ import annotations

import re

import pydicom
from pydicom.uid import UID, RLELossless

from volsweep.io.dicom.values import integer_of, is_given, items_of, number_of, text_of, uid_of

HOUNSFIELD = "HU"

# RescaleType (PS3.3 C.11.1.1.2) and PET's Units (C.8.9.1.1.3); what they leave unspecified has no unit.
_RESCALE_TYPES = {
    "HU": HOUNSFIELD,
    "HU_MOD": "HU_MOD",
    "OD": "OD/1000",
    "PCT": "%",
    "Z_EFF": "Z_eff",
    "ED": "10^23 e/ml",
    "EDW": "EDW",
    "MGML": "mg/ml",
}
# ImageType of what dual-energy scanners make of attenuations (PS3.3 C.8.15.3.1), and words of before it was in DICOM.
_OTHER_THAN_HU = re.compile(
    r"MAT(ERIAL)?_(SPECIFIC|FRACTION(AL)?|VALUE_BASED)|EFF_ATOMIC_NUM|ELECTRON_DENSITY"
    r"|(IODINE|CALCIUM|WATER|FAT|RHO|Z_?EFF)\b|\b(PERFUSION|CBF|CBV|MTT|TTP|TMAX)\b"
)
_PET_UNITS = {"BQML": "Bq/ml", "GML": "g/ml", "CNTS": "counts", "CPS": "counts/s", "PROPCNTS": "counts", "NONE": ""}
_UCUM = {"[hnsf'U]": HOUNSFIELD, "Bq/ml": "Bq/ml", "g/ml{SUVbw}": "SUV", "1": "", "{counts}": "counts"}


def unit_of(dataset: pydicom.Dataset, modality: str) -> str:
    """Unit of the values after slope and intercept; empty where the header does not say.

    A CT that says nothing is in Hounsfield units. A mapping to real-world values counts where it is the
    same slope and intercept under another name; a CT that has another one and no rescaling is in no unit.
    """
    groups = items_of(dataset, "SharedFunctionalGroupsSequence")
    groups += items_of(dataset, "PerFrameFunctionalGroupsSequence")[:1]
    places = [dataset, *(item for group in groups for item in items_of(group, "PixelValueTransformationSequence"))]
    tables = items_of(dataset, "ModalityLUTSequence")  # in place of slope and intercept
    kinds = [*(_letters(table, "ModalityLUTType") for table in tables), *(_letters(p, "RescaleType") for p in places)]
    stated = next(filter(None, kinds), "")
    if stated:
        return _RESCALE_TYPES.get(stated, "")
    if modality == "PT":
        return _PET_UNITS.get(_letters(dataset, "Units"), "")
    mapped = _real_world_unit(dataset, groups, places)
    if mapped is not None:
        return mapped
    of_materials = _OTHER_THAN_HU.search(text_of(dataset, "ImageType").upper()) is not None
    return HOUNSFIELD if modality == "CT" and not of_materials else ""


def padding_of(dataset: pydicom.Dataset) -> tuple[int, int] | None:
    """Range of stored values that mean "outside the image"; None where the header names none."""
    value = integer_of(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = integer_of(dataset, "PixelPaddingRangeLimit")
    ends = [value, value if limit is None else limit]
    if integer_of(dataset, "PixelRepresentation") == 1:
        # Some writers give the padding of signed pixels as the unsigned number with the same bits.
        ends = [end - 2**16 if end >= 2**15 else end for end in ends]
    return min(ends), max(ends)


def bits_below(dataset: pydicom.Dataset) -> int:
    """Bits beneath the value in what is stored: 4 where its 12 bits are the upper ones of 16, as DICOM once allowed.

    Negative where the header contradicts itself; 0 in streams of JPEG, which have a precision of their own.
    """
    high, stored = integer_of(dataset, "HighBit"), integer_of(dataset, "BitsStored")
    syntax = UID(uid_of(dataset.file_meta, "TransferSyntaxUID"))
    bare = syntax == RLELossless or not (syntax.is_transfer_syntax and syntax.is_compressed)
    return high + 1 - stored if bare and high is not None and stored is not None else 0


def why_no_values(dataset: pydicom.Dataset) -> str:
    """Why the header does not say what values an image has, or all of its frames; empty where it does."""
    return _why_no_bits(dataset) or _why_not_alike(dataset)


def _why_not_alike(dataset: pydicom.Dataset) -> str:
    """Why the values of a multi-frame object's frames do not compare."""
    name = "PixelValueTransformationSequence"
    shared = any(items_of(group, name) for group in items_of(dataset, "SharedFunctionalGroupsSequence"))
    own = [items_of(group, name)[:1] for group in items_of(dataset, "PerFrameFunctionalGroupsSequence")]
    if any(own) and not (shared or all(own)):
        return f"some of its frames say how their values are scaled, and some do not ({name}), so these do not compare"
    units = sorted({_letters(item, "RescaleType") for items in own for item in items} - {""})
    if len(units) > 1:
        return f"the values of its frames are in {len(units)} units (RescaleType {', '.join(units[:3])})"
    return ""


def _why_no_bits(dataset: pydicom.Dataset) -> str:
    """Why the header does not say which bits hold a value."""
    below, high = bits_below(dataset), integer_of(dataset, "HighBit") or 0
    if below >= 0 and (not below or high < (integer_of(dataset, "BitsAllocated") or 0)):
        return ""
    stored, allocated = (integer_of(dataset, name) for name in ("BitsStored", "BitsAllocated"))
    return (
        f"its values have {stored} bits of {allocated} (BitsStored, BitsAllocated), and the highest is number {high} "
        "(HighBit), which cannot be: where they lie is unknown; have the images exported again"
    )


def _letters(dataset: pydicom.Dataset, keyword: str) -> str:
    return text_of(dataset, keyword).strip().upper()


def _real_world_unit(
    dataset: pydicom.Dataset, groups: list[pydicom.Dataset], places: list[pydicom.Dataset]
) -> str | None:
    mappings = [m for place in (dataset, *groups) for m in items_of(place, "RealWorldValueMappingSequence")]
    slope = next((v for place in places if (v := number_of(place, "RescaleSlope")) is not None), 1.0)
    intercept = next((v for place in places if (v := number_of(place, "RescaleIntercept")) is not None), 0.0)
    for mapping in mappings:
        same = number_of(mapping, "RealWorldValueSlope") == slope
        if same and number_of(mapping, "RealWorldValueIntercept") == intercept:
            codes = items_of(mapping, "MeasurementUnitsCodeSequence")
            code = text_of(codes[0], "CodeValue") if codes else ""
            return _UCUM.get(code, code if code.isascii() and len(code) <= 16 else "")
    rescaled = any(is_given(place, "RescaleIntercept") for place in places)
    return "" if mappings and not rescaled else None  # as they are stored, values are in no unit
