"""Group DICOM files into series, and tell what each one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from volsweep.errors import GeometryError, InputError, first_of
from volsweep.io.dicom.files import DicomFile, common_folder, is_zip
from volsweep.io.dicom.frames import Frame
from volsweep.io.dicom.geometry import Arrangement, arrange
from volsweep.io.dicom.headers import Header, read_dataset, read_header
from volsweep.io.dicom.mixture import check_alike, check_whole, parts
from volsweep.io.dicom.pixels import check_not_tiled, same_pixels
from volsweep.io.dicom.search import FoundFiles, in_folder, in_zip, referenced_by_dicomdir
from volsweep.io.dicom.values import items_of, quiet, uid_of, value_of
from volsweep.io.series_info import SeriesInfo


@dataclass
class Series:
    """The files of one series, in no particular order."""

    headers: list[Header] = field(default_factory=list)
    copies: int = 0
    passed_over: list[Header] = field(default_factory=list)
    """Objects of the series that hold no image."""
    conflict: str = ""
    """Two files that say they are the same image and are not."""
    part: str = ""
    """What tells its images from the others of the series, ``"EchoTime 10"``; empty for a whole series."""
    name: str = ""
    """How a part is asked for: the series' UID, a slash, and its number from 1."""
    chosen: tuple[Frame, ...] = ()
    """The images of a part."""

    @property
    def uid(self) -> str:
        """SeriesInstanceUID, possibly empty."""
        return self.headers[0].series_uid

    @property
    def path(self) -> Path:
        """Its one file, or the folder that its files lie in."""
        files = {header.file.path for header in self.headers}
        return next(iter(files)) if len(files) == 1 else common_folder(sorted(files))

    @property
    def frames(self) -> list[Frame]:
        """All images of all files, or those of the part."""
        return list(self.chosen) if self.part else [frame for header in self.headers for frame in header.frames]

    @property
    def has_images(self) -> bool:
        """Whether any of its files holds an image."""
        return any(not header.no_image for header in self.headers)

    def arrange(self, gaps: str) -> Arrangement:
        """Check that the images form a volume and order them.

        Raises
        ------
        GeometryError
            If they do not form one volume.
        InputError
            If they are not images of one.
        """
        if self.conflict:
            raise InputError(self.conflict)
        if problem := next((h for h in self.headers if h.problem), None):
            raise InputError(f"{problem.problem} ({problem.file.name})")
        if self.headers[0].localizer:
            raise InputError("a localizer (scout), not a volume")
        if len({h.inverted for h in self.headers}) > 1:
            raise InputError("some slices are MONOCHROME1 and some MONOCHROME2, so their values do not compare")
        check_whole(self.headers)
        check_not_tiled(self.headers)
        try:
            arrangement = arrange(self.frames, gaps)
        except GeometryError as error:
            parts = [] if self.part else self.parts()
            if not parts:
                raise
            told = ", ".join(f"{part.name} ({part.part})" for part in parts[:8])
            raise type(error)(f"{error}; each part by itself is a volume: give series= one of {told}") from None
        check_alike(self.headers)
        return replace(arrangement, warnings=(*self._warnings(), *arrangement.warnings))

    def parts(self) -> list[Series]:
        """The volumes that an attribute of its images tells apart; empty where they are none."""
        found = [
            replace(self, part=what, name=f"{self.uid}/{number}", chosen=frames)
            for number, (what, frames) in enumerate(parts(self.frames), start=1)
        ]
        try:
            for part in found:
                arrange(part.frames)
        except GeometryError:
            return []
        return found

    def _warnings(self) -> tuple[str, ...]:
        out = [f"read of the series: {self.part}"] if self.part else []
        if self.passed_over:
            out.append(f"passed over, since they hold no image: {_told(self.passed_over)}")
        uids = [f.sop_uid for f in self.frames if f.number is None and f.tile is None and f.sop_uid]
        if len(set(uids)) < len(uids):
            out.append("slices share one SOPInstanceUID, so no DICOM object can refer to them")
        if any(len({given[at] for given in {h.patient for h in self.headers}} - {""}) > 1 for at in (1, 2)):
            out.append("the slices have one PatientID, and several names or dates of birth: make sure they are of one")
        if 0 < (silent := sum(not h.frame_of_reference_uid for h in self.headers)) < len(self.headers):
            out.append(f"{silent} slices do not say their frame of reference (FrameOfReferenceUID)")
        if self.headers[0].modality == "CT" and len(scales := {(f.slope, f.intercept) for f in self.frames}) > 1:
            told = ", ".join(f"{slope:g} and {intercept:g}" for slope, intercept in sorted(scales)[:3])
            out.append(f"RescaleSlope and RescaleIntercept are not the same in all slices of the CT ({told})")
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
            path=str(self.path), study_uid=first.study_uid, study_date=first.study_date, accession=first.accession,
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


class Damaged(NamedTuple):
    """A file that cannot be read, why, and the series that what is left of it names; empty where that is lost too."""

    file: DicomFile
    reason: str
    series_uid: str


@dataclass
class Study:
    """All series found under a path, and the files that could not be read."""

    path: Path
    series: list[Series]
    damaged: list[Damaged]
    unreadable: list[str]
    links_out: list[str] = field(default_factory=list)
    """Links that lead out of the folder and were not followed."""
    beside: list[Series] = field(default_factory=list)
    """Other series in the folder of a single slice."""


def scan(path: Path | tuple[Path, ...]) -> Study:
    """Read the headers of everything under a folder, zip, DICOMDIR, of a single file, or of some files.

    A single slice stands for its whole series: its siblings in the same folder are
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
    of_many = header.concatenation is not None
    if header.problem or not (of_many or len(header.frames) == 1):
        return Study(path, [Series([header])], [], [])
    if path.is_symlink():  # it stands for the slice that it leads to, and for those beside that one
        path = path.resolve()
    study = _grouped(path, in_folder(path.parent, recursive=False))
    mine = [s for s in study.series if any(h.file.path.name == path.name for h in s.headers)]
    beside = [s for s in study.series if s not in mine]
    return replace(study, series=mine or [Series([header])], beside=beside)


def _components(file_id: Any) -> list[str]:
    return [str(part) for part in ([file_id] if isinstance(file_id, str) else file_id)]


def _grouped(path: Path, found: FoundFiles) -> Study:
    groups: dict[tuple[Any, ...], Series] = {}
    known: dict[tuple[Any, ...], Header] = {}
    damaged: list[Damaged] = []
    for file in found.files:
        try:
            header = read_header(file)
        except InputError as error:
            damaged.append(Damaged(file, str(error), _series_named(file)))
            continue
        if "DICOMDIR" in header.problem:
            continue
        series = groups.setdefault(_series_key(header), Series())
        identity = _identity(header)
        if identity and identity in known:
            _note_copy(series, known[identity], header)
            continue
        known[identity] = header
        series.headers.append(header)
    if not groups:
        raise InputError(_nothing_found(path, found, damaged))
    for series in groups.values():
        if series.has_images:
            series.passed_over = [h for h in series.headers if h.no_image]
            series.headers = [h for h in series.headers if not h.no_image]
    return Study(path, list(groups.values()), damaged, found.unreadable, found.links_out)


def _series_named(file: DicomFile) -> str:
    try:
        with quiet():
            return uid_of(read_dataset(file), "SeriesInstanceUID")
    except InputError:  # damaged before
        return ""


def _note_copy(series: Series, one: Header, other: Header) -> None:
    """A file that says it is an image that was read already: a copy, or another image under its UIDs."""
    alike = [replace(f, file=one.file) for f in other.frames] == list(one.frames)
    if alike and same_pixels(one.file, other.file):
        series.copies += 1
    elif not series.conflict:
        series.conflict = (
            f"{one.file.name} and {other.file.name} have the same SOP Instance UID and other pixels or values: they "
            "are no copies but two versions of one image, or images that were all given one UID; give a folder that "
            "holds one of them"
        )


def _told(headers: Sequence[Header]) -> str:
    return first_of([f"{h.file.name} ({h.problem})" for h in headers])


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


def _nothing_found(path: Path, found: FoundFiles, damaged: Sequence[Damaged]) -> str:
    if damaged:
        return damaged[0].reason
    if found.unreadable:
        return f"nothing readable in {path}: no access to {', '.join(found.unreadable[:3])}"
    if found.links_out:
        return (
            f"no DICOM in {path} but links that lead out of it ({', '.join(found.links_out[:3])}), which are not "
            "followed; give the folder that they lead to"
        )
    return f"no DICOM in {path}; give the folder of a series, or a NIfTI, NRRD or MHA file"
