"""Every format, a row each: the one place that knows how files of images and labels are called.

What a file holds is found out by looking at it; a name counts where there is nothing to look at yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from volsweep.errors import InputError, OutputError
from volsweep.io.dicom.samples import resolved
from volsweep.io.itk.fields import is_segmentation
from volsweep.settings import expanded

Kind = Literal["dicom", "seg", "rtstruct", "nifti", "seg_nrrd", "nrrd", "metaimage"]
DicomKind = Literal["seg", "rtstruct"]


@dataclass(frozen=True)
class Format:
    """One format.

    Parameters
    ----------
    kind
        Its key, as in `Source.kind`.
    name
        What people call it.
    suffixes
        How its files end, in lower case, longer endings before those that they end with.
    holds
        Images, labels or both.
    mark
        What is found, as a pattern of bytes, in the first 4096 of a file; a compressed one shows none.
    reader
        ``"module:function"``: of images (and labels, where a sidecar holds their names), from a path to a `Volume`.
    objects
        ``"module:function"``: of objects that may overlap, from a path and a source to `Objects`.
    writer
        ``"module:function"``: of labels. Where a sidecar holds the names, it writes an array on a grid and returns
        what is found in the file, array and affines; else a `LabelVolume`, and the Dice of every label and its shift.
    written
        The suffixes that labels are written under, the usual one first.
    detached
        The suffixes of headers whose voxels lie in another file.
    sidecar
        Whether names and colours of labels lie beside it.
    names
        Whole file names that it goes by.
    """

    kind: Kind
    name: str
    suffixes: tuple[str, ...]
    holds: Literal["images", "labels", "both"]
    mark: bytes = b""
    reader: str = ""
    objects: str = ""
    writer: str = ""
    written: tuple[str, ...] = ()
    detached: tuple[str, ...] = ()
    sidecar: bool = False
    names: tuple[str, ...] = ()

    @property
    def is_dicom(self) -> bool:
        """Whether its files are DICOM, and its labels so refer to a series."""
        return self.kind in ("dicom", *_DICOM_KINDS)

    @property
    def patterns(self) -> tuple[str, ...]:
        """What its files match, for file dialogs and napari: ``*.nii``."""
        return (*(f"*{suffix}" for suffix in self.suffixes), *self.names)


_DICOM_KINDS = ("seg", "rtstruct")

FORMATS = (
    Format(
        kind="nifti",
        name="NIfTI",
        suffixes=(".nii.gz", ".nii"),
        holds="both",
        mark=rb"(?s)\A(.{344}(n\+|ni)1\0|.{4}(n\+|ni)2\0)",
        reader="volsweep.io.nifti:read_nifti",
        writer="volsweep.io.nifti:write_nifti",
        written=(".nii.gz", ".nii"),
        sidecar=True,
    ),
    Format(
        kind="seg_nrrd",
        name="3D Slicer segmentation",
        suffixes=(".seg.nrrd",),
        holds="labels",
        objects="volsweep.io.seg_nrrd:read_seg_nrrd",
        writer="volsweep.io.seg_nrrd:write_seg_nrrd",
        written=(".seg.nrrd",),
    ),
    Format(
        kind="nrrd",
        name="NRRD",
        suffixes=(".nrrd", ".nhdr"),
        holds="both",
        mark=rb"\ANRRD\d{4}",
        reader="volsweep.io.itk.images:read_itk",
        writer="volsweep.io.itk.images:write_nrrd",
        written=(".nrrd",),
        detached=(".nhdr",),
        sidecar=True,
    ),
    Format(
        kind="metaimage",
        name="MetaImage",
        suffixes=(".mha", ".mhd"),
        holds="both",
        mark=rb"(?m)^[ \t]*(ObjectType|NDims|DimSize|ElementType|ElementDataFile)[ \t]*=",
        reader="volsweep.io.itk.images:read_itk",
        detached=(".mhd",),
        sidecar=True,
    ),
    Format(
        kind="seg",
        name="DICOM Segmentation",
        suffixes=(".seg.dcm",),
        holds="labels",
        writer="volsweep.io.derived.labels:write_seg_file",
        written=(".seg.dcm", ".dcm"),
    ),
    Format(
        kind="rtstruct",
        name="DICOM RT Structure Set",
        suffixes=(".rtstruct.dcm", ".rs.dcm"),
        holds="labels",
        writer="volsweep.io.derived.labels:write_rtstruct_file",
        written=(".rtstruct.dcm", ".rs.dcm"),
    ),
    Format(
        kind="dicom",
        name="DICOM",
        suffixes=(".dcm", ".ima", ".zip"),
        holds="images",
        mark=rb"(?s)\A(.{128}DICM|[\2\x08]\0[\0\1\5\x08]\0)",
        reader="volsweep.io.dicom.series:load",
        objects="volsweep.io.derived.labels:read_dicom_objects",
        names=("DICOMDIR",),
    ),
)

DEFAULT_SUFFIX = FORMATS[0].written[0]
WRITTEN = ", ".join(suffix for row in FORMATS for suffix in row.written)
"""For people: how the names of labels end."""
WITHOUT_SERIES = " or ".join(row.written[0] for row in FORMATS if row.written and row.sidecar)
"""For people: the names of labels that need no DICOM series."""

_EXAMPLE = f"labels{DEFAULT_SUFFIX}"
_ARCHIVE = ".zip"
_NRRD_KINDS: tuple[Kind, Kind] = ("nrrd", "seg_nrrd")
"""What lies in the file tells them apart, not the name."""
_FILE_SUFFIX = ".dcm"


def load(door: str) -> Callable[..., Any]:
    """The function that a row names as ``"module:function"``."""
    module, _, name = door.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def format_of(kind: Kind) -> Format:
    """The row of a kind."""
    return next(row for row in FORMATS if row.kind == kind)


def named(name: str) -> Format | None:
    """The row whose suffix, or very name, a file name has; the longest suffix counts."""
    suffix = suffix_of(name)
    return next((row for row in FORMATS if suffix in row.suffixes or name.upper() in row.names), None)


def suffix_of(name: str, *, sidecar: bool = False) -> str:
    """How a file name ends, in lower case, of all endings of the table; empty where it has none of them.

    With `sidecar`, of the endings of formats that have one.
    """
    lower = name.lower()
    rows = [row for row in FORMATS if row.sidecar or not sidecar]
    return max((s for row in rows for s in row.suffixes if lower.endswith(s)), key=len, default="")


def stem_of(name: str, *, sidecar: bool = False) -> str:
    """A file name without its ending (see `suffix_of`); a name that is nothing but an ending stays."""
    suffix = suffix_of(name, sidecar=sidecar)
    return name[: -len(suffix)] if suffix and len(name) > len(suffix) else name


def is_detached(path: Path) -> bool:
    """Whether a file is a header by name, whose voxels lie beside it."""
    return any(path.name.lower().endswith(row.detached) for row in FORMATS if row.detached)


def is_one_file(path: Path) -> bool:
    """Whether everything that belongs to an image lies in the one file; a DICOM slice has others beside it."""
    row = named(path.name)
    return row is not None and (row.kind != "dicom" or suffix_of(path.name) == _ARCHIVE) and not is_detached(path)


def may_be_slice(path: Path) -> bool:
    """Whether a file may be one slice of a DICOM series, by its name: DICOM needs no suffix, and many end in a UID."""
    row = None if suffix_of(path.name) == _ARCHIVE else named(path.name)
    return not path.suffix.strip(".0123456789") or (row is not None and row.kind == "dicom")


def kind_of(path: str | os.PathLike[str]) -> tuple[Path, Kind]:
    """Find out what a path holds; a folder is taken for DICOM.

    Raises
    ------
    InputError
        If it does not exist, or is none of the formats that are read.
    """
    path = there if (there := expanded(path)).exists() else resolved(path)
    if path.is_dir():
        return path, "dicom"
    if not path.is_file():
        raise InputError(f"{path} {'is neither a file nor a folder' if path.exists() else 'does not exist'}")
    row = named(path.name)
    if row is not None and not row.is_dicom:
        if row.kind in _NRRD_KINDS:
            return path, _NRRD_KINDS[is_segmentation(path)]
        return path, row.kind
    _check_looks_like_dicom(path)
    return path, "dicom"


def _check_looks_like_dicom(path: Path) -> None:
    from volsweep.io.dicom.files import is_zip, starts_like_dicom

    try:
        with path.open("rb") as stream:
            head = stream.read(132)
        zipped = is_zip(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if not zipped and not starts_like_dicom(head):
        known = ", ".join(f"{row.name} ({', '.join(row.suffixes)})" for row in FORMATS if row.holds == "both")
        raise InputError(f"{path.name} is none of the formats that are read: DICOM (also zipped), {known}")


def written_suffixes() -> tuple[str, ...]:
    """Every ending that labels are written under."""
    return tuple(suffix for row in FORMATS for suffix in row.written)


def format_written_as(path: Path, dicom: DicomKind | None = None) -> Format:
    """The format that labels are written in under a name; of a ``.dcm`` `dicom` may choose.

    Raises
    ------
    OutputError
        If labels are not written under such a name.
    """
    if dicom not in (None, *_DICOM_KINDS):
        raise OutputError(f"dicom must be 'seg' or 'rtstruct', not {dicom!r}")
    if not path.name or os.path.isdir(path):  # noqa: PTH112 - what can be no path is refused where it is written
        raise OutputError(f"{path} is a folder; give the name of a file in it, such as {path / _EXAMPLE}")
    lower = path.name.lower()
    endings = ((s, row) for row in FORMATS for s in row.written if lower.endswith(s))
    row = max(endings, key=lambda ending: len(ending[0]), default=("", None))[1]
    if dicom is not None:
        if row is None or row.kind not in _DICOM_KINDS:
            raise OutputError(f"{path.name!r} is no name for DICOM; end it with {_FILE_SUFFIX}")
        return format_of(dicom)
    if row is None:
        raise OutputError(f"labels are written as {WRITTEN}, not as {path.name!r}")
    return row


def with_suffix(path: Path) -> Path:
    """A path as typed into a file dialog, under a name that labels are written under."""
    if path.name.lower().endswith(written_suffixes()):
        return path
    return path.with_name(path.name + DEFAULT_SUFFIX)


def images_filter() -> str:
    """Text of a file dialog that opens a volume."""
    patterns = dict.fromkeys(p for row in FORMATS if row.holds != "labels" for p in row.patterns)
    return f"Volumes ({' '.join(patterns)});;All files (*)"


def labels_filter(*, dicom: bool) -> str:
    """Text of a file dialog that saves labels, of a DICOM series or of another volume."""
    rows = [row for row in FORMATS if row.writer and (dicom or not row.is_dicom)]
    return ";;".join(f"{row.name} ({' '.join(f'*{s}' for s in row.written)})" for row in rows)
