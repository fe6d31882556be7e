"""Find the files that may be DICOM: in a folder, in a zip, behind a DICOMDIR.

A zip is read member by member in memory and never unpacked, so nothing in it can name a
place on the disk.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from volsweep.errors import InputError, first_of, why_failed
from volsweep.io.dicom.files import ZIP_ERRORS, DicomFile, starts_like_dicom

_MAX_MEMBERS = 200_000
_MAX_MEMBER_BYTES = 2**30
_MAX_ZIP_BYTES = 2**35


@dataclass
class FoundFiles:
    """Candidates in a stable order, and what went wrong while looking."""

    files: list[DicomFile] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    links_out: list[str] = field(default_factory=list)
    """Links that lead out of the folder; they are not followed."""


def in_folder(folder: Path, *, recursive: bool = True) -> FoundFiles:
    """List the DICOM files of a folder; others are passed over."""
    found = FoundFiles()
    for candidate in _walk(folder, found, recursive):
        try:
            with candidate.open("rb") as stream:
                head = stream.read(132)
        except OSError:
            found.unreadable.append(candidate.name)
            continue
        if starts_like_dicom(head):
            found.files.append(DicomFile(candidate))
    return found


def _walk(folder: Path, found: FoundFiles, recursive: bool) -> Iterator[Path]:
    """Regular files in name order; links within the folder are followed, but no folder is entered twice."""
    seen: set[tuple[int, int]] = set()
    top = folder.resolve()

    def stays(candidate: Path) -> bool:
        if not candidate.is_symlink() or candidate.resolve().is_relative_to(top):
            return True
        found.links_out.append(candidate.name)
        return False

    def unreadable(error: OSError) -> None:
        found.unreadable.append(Path(error.filename or folder).name)

    for root, folders, names in os.walk(folder, followlinks=True, onerror=unreadable):
        here = Path(root)
        identity = here.stat()
        if (identity.st_dev, identity.st_ino) in seen:
            folders.clear()
            continue
        if not recursive:
            folders.clear()
        seen.add((identity.st_dev, identity.st_ino))
        folders[:] = [name for name in sorted(folders) if stays(here / name)]
        for name in sorted(names):
            candidate = here / name
            try:
                regular = stat.S_ISREG(candidate.stat().st_mode)
            except OSError:  # a link to nowhere, or to itself
                continue
            if regular and stays(candidate):
                yield candidate


def in_zip(path: Path) -> FoundFiles:
    """List the DICOM files of a zip; others are passed over.

    Raises
    ------
    InputError
        If the zip is damaged, encrypted, or unpacks to more than a reader should hold.
    """
    found = FoundFiles()
    try:
        archive = zipfile.ZipFile(path)  # closed when the last of its DicomFiles is forgotten
        members = [m for m in archive.infolist() if not m.is_dir()]
        _check_size(path, members)
        _check_names(path, members)
        for member in sorted(members, key=lambda m: m.filename):
            if member.flag_bits & 1:
                raise InputError(f"{path.name} is encrypted; unpack it with its password and give the folder")
            with archive.open(member) as stream:
                head = stream.read(132)
            if starts_like_dicom(head):
                found.files.append(DicomFile(path / _harmless(member.filename), archive, member.filename))
    except ZIP_ERRORS as error:
        raise InputError(f"{path.name} cannot be read as a zip ({why_failed(error)}); it may be damaged") from None
    return found


def _harmless(name: str) -> PurePosixPath:
    """A member's name without what would lead out of its zip."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return PurePosixPath(*(p for p in parts if p not in ("/", "..")))


def _check_names(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse two members of one name: whoever reads by name gets the last one as often as there are some."""
    names = Counter(member.filename for member in members)
    if twice := [name for name, count in names.items() if count > 1]:
        raise InputError(
            f"{path.name} holds several files of one name ({first_of(twice)}), so which is meant is unknown; pack them "
            "again, or unpack it and give the folder"
        )


def _check_size(path: Path, members: list[zipfile.ZipInfo]) -> None:
    largest = max((m.file_size for m in members), default=0)
    total = sum(m.file_size for m in members)
    if len(members) > _MAX_MEMBERS or largest > _MAX_MEMBER_BYTES or total > _MAX_ZIP_BYTES:
        raise InputError(
            f"{path.name} unpacks to {len(members)} files and {total / 2**30:.1f} GiB, more than is read from a zip "
            f"({_MAX_MEMBERS} files, 1 GiB each, {_MAX_ZIP_BYTES / 2**30:.0f} GiB); unpack it and give the folder"
        )


def referenced_by_dicomdir(dicomdir: Path, file_ids: list[list[str]]) -> FoundFiles:
    """Files a DICOMDIR lists, as far as they exist below its own folder.

    Parameters
    ----------
    dicomdir
        Path of the DICOMDIR.
    file_ids
        ReferencedFileID of its records: path components from the DICOMDIR's folder.
    """
    found = FoundFiles()
    root = dicomdir.parent.resolve()
    for parts in file_ids:
        target = _find_ignoring_case(root, parts)
        if target is None or not target.resolve().is_relative_to(root) or not target.is_file():
            found.unreadable.append("/".join(parts))
        else:
            found.files.append(DicomFile(dicomdir.parent / target.relative_to(root)))
    found.files = sorted(set(found.files))
    return found


def _find_ignoring_case(root: Path, parts: list[str]) -> Path | None:
    """Discs copied to a disk often change the case of names; a DICOMDIR is always in capitals."""
    here = root
    for part in parts:
        if part in ("", ".", "..") or "/" in part:
            return None
        if not (here / part).exists():
            matches = [p for p in here.iterdir() if p.name.lower() == part.lower()] if here.is_dir() else []
            if not matches:
                return None
            part = matches[0].name
        here = here / part
    return here
