"""Group DICOM files into series, and tell what each one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from volsweep.errors import InputError
from volsweep.io.dicom.files import DicomFile, common_folder, is_zip
from volsweep.io.dicom.frames import Frame
from volsweep.io.dicom.geometry import Arrangement, arrange
from volsweep.io.dicom.headers import Header, read_dataset, read_header
from volsweep.io.dicom.search import FoundFiles, in_folder, in_zip, referenced_by_dicomdir
from volsweep.io.dicom.values import items_of, quiet, value_of
from volsweep.io.series_info import SeriesInfo


@dataclass
class Series:
    """The files of one series, in no particular order."""

    headers: list[Header] = field(default_factory=list)
    copies: int = 0

    @property
    def uid(self) -> str:
        """SeriesInstanceUID, possibly empty."""
        return self.headers[0].series_uid

    @property
    def frames(self) -> list[Frame]:
        """All images of all files."""
        return [frame for header in self.headers for frame in header.frames]

    def arrange(self, gaps: str) -> Arrangement:
        """Check that the images form a volume and order them.

        Raises
        ------
        GeometryError
            If they do not form one volume.
        InputError
            If they are not images of one.
        """
        problem = next((h for h in self.headers if h.problem), None)
        if problem is not None:
            raise InputError(f"{problem.problem} ({problem.file.name})")
        if self.headers[0].localizer:
            raise InputError("a localizer (scout), not a volume")
        if len({h.inverted for h in self.headers}) > 1:
            raise InputError("some slices are MONOCHROME1 and some MONOCHROME2, so their values do not compare")
        arrangement = arrange(self.frames, gaps)
        return replace(arrangement, warnings=(*self._warnings(), *arrangement.warnings))

    def _warnings(self) -> tuple[str, ...]:
        out = []
        if self.copies:
            out.append(f"{self.copies} files are copies of images already read and were left out")
        if any(h.lossy for h in self.headers):
            out.append("the images were compressed with loss")
        return tuple(out)

    def info(self) -> SeriesInfo:
        """Describe the series."""
        first = self.headers[0]
        known = SeriesInfo(
            self.uid, "dicom", first.modality, first.series_number, first.description,
            len(self.headers), len(self.frames), None, None, None,
        )  # fmt: skip
        try:
            arrangement = self.arrange("refuse")
        except InputError as error:
            try:
                arrangement = self.arrange("keep")
            except InputError:
                return replace(known, problem=str(error))
            known = replace(known, problem=str(error), loads_with_gaps=True)
        z, y, x = (float(s) for s in arrangement.grid.spacing_zyx_mm)
        return replace(
            known,
            shape_zyx=arrangement.grid.shape_zyx,
            spacing_zyx_mm=(z, y, x),
            orientation=arrangement.grid.orientation,
            warnings=arrangement.warnings,
        )


@dataclass
class Study:
    """All series found under a path, and the files that could not be read."""

    path: Path
    series: list[Series]
    damaged: list[tuple[DicomFile, str]]
    unreadable: list[str]


def scan(path: Path | tuple[Path, ...]) -> Study:
    """Read the headers of everything under a folder, zip, DICOMDIR, of a single file, or of some files.

    A single classic slice stands for its whole series: its siblings in the same folder are
    read with it. A multi-frame file stands for itself.

    Raises
    ------
    InputError
        If there is no DICOM at all.
    """
    if isinstance(path, tuple):
        return _grouped(common_folder(path), FoundFiles([DicomFile(file) for file in path]))
    if path.is_dir():
        return _grouped(path, in_folder(path))
    if is_zip(path):
        return _grouped(path, in_zip(path))
    file = DicomFile(path)
    with quiet():
        records = items_of(read_dataset(file), "DirectoryRecordSequence")
        ids = [_components(found) for r in records if (found := value_of(r, "ReferencedFileID"))]
    if ids:
        return _grouped(path, referenced_by_dicomdir(path, ids))
    header = read_header(file)
    if len(header.frames) != 1 or header.frames[0].number is not None or header.problem:
        return Study(path, [Series([header])], [], [])
    study = _grouped(path, in_folder(path.parent, recursive=False))
    mine = [s for s in study.series if any(h.file == file for h in s.headers)]
    return replace(study, series=mine or [Series([header])])


def _components(file_id: Any) -> list[str]:
    return [str(part) for part in ([file_id] if isinstance(file_id, str) else file_id)]


def _grouped(path: Path, found: FoundFiles) -> Study:
    groups: dict[tuple[Any, ...], Series] = {}
    known: set[tuple[Any, ...]] = set()
    damaged: list[tuple[DicomFile, str]] = []
    for file in found.files:
        try:
            header = read_header(file)
        except InputError as error:
            damaged.append((file, str(error)))
            continue
        if "DICOMDIR" in header.problem:
            continue
        series = groups.setdefault(_series_key(header), Series())
        identity = _identity(header)
        if identity and identity in known:
            series.copies += 1
            continue
        known.add(identity)
        series.headers.append(header)
    if not groups:
        raise InputError(_nothing_found(path, found, damaged))
    return Study(path, list(groups.values()), damaged, found.unreadable)


def _series_key(header: Header) -> tuple[Any, ...]:
    if header.series_uid:
        return header.series_uid, header.localizer
    # De-identification took the UID: what is left that slices of one series share.
    shared = (header.study_uid, header.frame_of_reference_uid, header.series_number, header.modality)
    return "", header.localizer, header.file.folder, *shared


def _identity(header: Header) -> tuple[Any, ...]:
    """What only copies of one file have in common; empty where the UIDs were removed."""
    if not header.frames or not header.frames[0].sop_uid:
        return ()
    first = header.frames[0]
    return header.series_uid, first.sop_uid, first.instance, first.position_mm, len(header.frames)


def _nothing_found(path: Path, found: FoundFiles, damaged: Sequence[tuple[DicomFile, str]]) -> str:
    if damaged:
        return damaged[0][1]
    if found.unreadable:
        return f"nothing readable in {path}: no access to {', '.join(found.unreadable[:3])}"
    return f"no DICOM in {path}; give the folder of a series, or a NIfTI, NRRD or MHA file"
