"""Images in: one door for every format of `formats`."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from volsweep.errors import InputError, did_you_mean
from volsweep.intensity import looks_like_hounsfield
from volsweep.io.formats import format_of, kind_of, load, stem_of
from volsweep.io.series_info import SeriesInfo
from volsweep.io.sidecar import read_sidecar, sidecar_path
from volsweep.settings import read_json
from volsweep.volume import Volume

Gaps = Literal["refuse", "keep"]

# fmt: off
_MODALITIES = frozenset((
    "CT", "MR", "PT", "NM", "US", "CR", "DX", "DR", "MG", "XA", "RF", "RG", "IO", "PX", "OPT", "OP", "OAM", "OCT",
    "IVUS", "IVOCT", "ES", "XC", "GM", "SM", "BDUS", "BMD", "DMS", "OT"
))
# fmt: on
"""What makes images, of the defined terms of Modality (0008,0060) (PS3.3 C.7.3.1.1.1); OT is whatever else."""
_ALSO = {"PET": "PT", "MRI": "MR", "SPECT": "NM", "CBCT": "CT"}
"""What people call them."""
_LARGEST_SIDECAR = 2**22
_AS_CT = (
    "nothing says what made this image, and its values look like Hounsfield units: it is seen as CT is, through the "
    "soft-tissue window where no other is asked for (modality= says otherwise)"
)

_NOT_AS_CT = (
    "the JSON beside this image says that its modality is {}, and its values look like Hounsfield units: it is seen as "
    "that modality is, without the windows of CT (modality= says otherwise)"
)

_log = logging.getLogger(__name__)


def read_volume(
    path: str | os.PathLike[str] | Sequence[Path],
    *,
    series: str | None = None,
    gaps: Gaps = "refuse",
    modality: str | None = None,
) -> Volume:
    """Read an image volume.

    Parameters
    ----------
    path
        A DICOM folder (searched with its subfolders; files need no extension), a DICOM file, a
        DICOMDIR or a zip of DICOM; or a NIfTI (.nii, .nii.gz), NRRD or MetaImage file. A DICOM
        file that is a single slice stands for its series: the slices beside it are read with
        it. An enhanced multi-frame file stands for itself. Or the DICOM files themselves, where a
        folder holds many series and they are known.
    series
        SeriesInstanceUID, its beginning, or SeriesNumber of the DICOM series to read. By
        default the one with most voxels, and a warning names the others.
    gaps
        What to do where DICOM slices are missing or not equally spaced: ``"refuse"``, or
        ``"keep"`` the slices that exist, with their true positions in `Grid.slice_origins_mm`.
    modality
        What made the image, such as ``"CT"``, whatever the files say; by default what they say, or for NIfTI and
        the like the JSON beside them (`Modality`, as dcm2niix writes it).

    Returns
    -------
    Volume
        In the scanner's units (HU for CT) and geometry; read its `warnings`.

    Raises
    ------
    InputError
        If there is nothing to read, or a file is damaged or no volume of grey values.
    GeometryError
        If the slices do not form one volume; the message names them.
    """
    if gaps not in ("refuse", "keep"):
        raise InputError(f"gaps must be 'refuse' or 'keep', not {gaps!r}")
    started = time.perf_counter()
    _log.debug("reading %s", path)
    said = None if modality is None else modality_named(modality)
    volume = _read(path, series, gaps)
    stated = _stated_beside(volume)
    beside = "" if said or volume.modality else _modality_in(stated)
    if said or beside:
        volume = replace(volume, modality=said or beside)
    if part := str(stated.get("BodyPartExamined", "")).strip().upper():
        volume = replace(volume, body_part=part)
    if (beside not in ("", "CT") or not volume.modality) and looks_like_hounsfield(volume):
        note = _NOT_AS_CT.format(beside) if beside else _AS_CT
        volume = replace(volume, warnings=(*volume.warnings, note))
    if told := _labels_for_image(volume):
        volume = replace(volume, warnings=(*volume.warnings, told))
    _log.info(
        "read a volume of %s voxels (slices, rows, columns), %s mm apart, modality %s, with %d warnings, in %.2f s",
        volume.shape_zyx,
        np.round(volume.grid.spacing_zyx_mm, 3).tolist(),
        volume.modality or "unknown",
        len(volume.warnings),
        time.perf_counter() - started,
    )
    return volume


def modality_named(text: str) -> str:
    """The DICOM code of a modality, as people write it.

    Raises
    ------
    InputError
        If it is none.
    """
    code = text.strip().upper()
    code = _ALSO.get(code, code)
    if code not in _MODALITIES:
        near = did_you_mean(code[:40], ("CT", "MR", "PT", "NM"))
        raise InputError(
            f"modality {text[:40]!r} is no image's code in DICOM; {near}give CT, MR, PT, NM or another one"
        )
    return code


def stated_path(path: Path) -> Path:
    """The JSON beside an image that is no DICOM, which may say of what it is: ``ct.nii.gz`` has ``ct.json``."""
    return path.with_name(stem_of(path.name) + ".json")


def _stated_beside(volume: Volume) -> dict[str, Any]:
    """What the JSON beside a file says of its image; nothing where there is none that does."""
    if volume.source is None or volume.source.kind == "dicom":
        return {}
    beside = stated_path(volume.source.path)
    try:
        if not beside.is_file() or beside.stat().st_size > _LARGEST_SIDECAR:
            return {}
        content = json.loads(read_json(beside))
    except (OSError, ValueError, RecursionError):
        return {}  # another program's file, or damaged: it says nothing
    return content if isinstance(content, dict) else {}


def _labels_for_image(volume: Volume) -> str:
    """A sentence where labels that Volsweep wrote were given as the image; empty where they were not."""
    source, array = volume.source, volume.array_zyx
    if source is None or source.kind == "dicom" or array.dtype.kind not in "ui":
        return ""
    beside = sidecar_path(source.path)
    try:
        known = read_sidecar(source.path).labels if beside.is_file() else {}
    except InputError:
        return ""  # damaged: whoever reads the labels is told
    if not known or array.min() < 0 or array.max() > max(known):
        return ""  # an image may bear the labels' name in another format
    name = source.path.name
    return f"{name} holds labels ({beside.name} names them), not an image; give the image they were drawn on"


def _modality_in(stated: Mapping[str, Any]) -> str:
    try:
        return modality_named(str(stated["Modality"]))
    except (KeyError, InputError):
        return ""


def _read(path: str | os.PathLike[str] | Sequence[Path], series: str | None, gaps: Gaps) -> Volume:
    if not isinstance(path, str | os.PathLike):
        return _read_dicom(tuple(path), series, gaps)
    path, kind = kind_of(path)
    if kind == "dicom":
        return _read_dicom(path, series, gaps)
    if series is not None:
        raise InputError(f"series={series!r} chooses among DICOM series, and {path.name} is not DICOM")
    row = format_of(kind)
    if not row.reader:
        raise InputError(f"{path.name} holds labels ({row.name}), not an image; give the image that they were drawn on")
    volume: Volume = load(row.reader)(path)
    return volume


def _read_dicom(path: Path | tuple[Path, ...], series: str | None, gaps: Gaps) -> Volume:
    volume: Volume = load(format_of("dicom").reader)(path, series, gaps)
    return volume


def find_series(path: str | os.PathLike[str]) -> list[SeriesInfo]:
    """List what a path holds, loadable or not, without decoding DICOM pixels.

    Raises
    ------
    InputError
        If there is nothing that could be read.
    """
    path, kind = kind_of(path)
    if kind == "dicom":
        from volsweep.io.dicom.study import scan

        study = scan(path)
        damage = tuple(damaged.reason for damaged in study.damaged)
        return [replace(info, warnings=info.warnings + damage) for info in (s.info() for s in study.series)]
    volume = read_volume(path)
    z, y, x = (float(s) for s in volume.grid.spacing_zyx_mm)
    return [
        SeriesInfo(
            uid="",
            kind=volume.source.kind if volume.source else kind,
            modality=volume.modality,
            number=None,
            description="",
            files=1,
            images=volume.shape_zyx[0],
            shape_zyx=volume.shape_zyx,
            spacing_zyx_mm=(z, y, x),
            orientation=volume.grid.orientation,
            warnings=volume.warnings,
            path=str(path.absolute()),
        )
    ]
