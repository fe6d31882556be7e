"""Who a file of labels names as who made it: only where that was asked for, and where it has a place for it."""

from __future__ import annotations

from pathlib import Path

from volsweep.errors import OutputError
from volsweep.io.formats import DicomKind, format_written_as


def can_be_signed(path: Path, dicom: DicomKind | None = None) -> bool:
    """Whether labels written under a name may say who made them: a DICOM SEG's may (ContentCreatorName)."""
    return format_written_as(path, dicom).kind == "seg"


def signed_by(path: Path, reader: str, dicom: DicomKind | None = None) -> str:
    """Whom a file names that is to say who made it: the reader. Asked before the work, it refuses then.

    Raises
    ------
    OutputError
        If nobody is named, or the file has no place for it.
    """
    if not reader:
        raise OutputError("nobody is named to sign; give reader=, such as AB, or volsweep config set reader AB")
    if not can_be_signed(path, dicom):
        raise OutputError(f"{path.name} has no place for who made it; only a DICOM SEG has (.seg.dcm)")
    return reader
