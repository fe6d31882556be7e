"""Why a file has no pixels: it is no DICOM, was cut, lost them, or is an object that has none."""

from __future__ import annotations

from typing import BinaryIO, cast

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.uid import UID

from volsweep.errors import InputError
from volsweep.io.dicom.files import DicomFile, GuardedStream, starts_like_dicom
from volsweep.io.dicom.values import uid_of

_UNDEFINED_LENGTH = 0xFFFFFFFF
_OF_A_SLICE = ("Rows", "Columns", "BitsAllocated", "ImagePositionPatient", "NumberOfFrames")
"""One of them is in whatever had pixels, though these were taken out."""


def is_cut_short(dataset: pydicom.Dataset) -> bool:
    """Whether what was read ended within a value: pydicom keeps what there is of it."""
    return any(
        isinstance(element, RawDataElement)
        and element.value is not None
        and element.length != _UNDEFINED_LENGTH
        and len(element.value) < element.length
        for element in dataset.values()
    )


def why_not_an_image(sop_class: str) -> str:
    """What an object without pixels is by its class; empty where it has lost some that it should have."""
    name = UID(sop_class).name if sop_class else ""
    if not sop_class or _is_image_class(name):
        return ""
    return f"{name if name != sop_class else 'an object of a private class'} without pixels, not an image"


def why_not_whole(file: DicomFile, sop_class: str, has_pixels: bool) -> str:
    """What an object is that has no rows and columns, or no pixels, and may have some by its class.

    Raises
    ------
    InputError
        If it is damaged, or no DICOM file.
    """
    with file.open() as stream:
        if not sop_class and not starts_like_dicom(stream.read(132)):
            raise InputError(f"{file.name} is no DICOM file")
        stream.seek(0)
        if has_pixels:
            raise InputError(f"{file.name} is damaged: it does not say how many rows and columns it has")
        try:
            found = pydicom.dcmread(cast(BinaryIO, GuardedStream(stream)), force=True)
            cut = not len(found) or is_cut_short(found) or is_cut_short(found.file_meta)
            sop_class = sop_class or uid_of(found.file_meta, "MediaStorageSOPClassUID")
        except Exception:  # damaged bytes surface as almost any exception of the parser
            cut = True
    if cut:
        raise InputError(f"{file.name} is damaged: it ends before its pixels")
    if sop_class and not any(keyword in found for keyword in _OF_A_SLICE):
        return f"{UID(sop_class).name} without pixels, and nothing of it says that it had some, not an image"
    if sop_class:
        raise InputError(
            f"{file.name} is damaged: it says that it is {UID(sop_class).name}, and has no pixels; they were "
            "removed, or the file was cut"
        )
    return "an object without pixels that does not say of which class it is, not an image"


def _is_image_class(name: str) -> bool:
    """Whether objects of a class have pixels, so that one without them is damaged."""
    return ("Image Storage" in name or "Map Storage" in name) and "Non-Image" not in name
