"""The JSON beside a label volume: what its integers mean and its format cannot hold; both are written together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import InputError
from volsweep.geometry import FloatArray, Grid
from volsweep.io.formats import DicomKind, format_written_as, named, stem_of
from volsweep.settings import read_json
from volsweep.volume import Label, LabelVolume, Source

_FORMAT = "volsweep labels"
_VERSION = 1

SUFFIX = ".labels.json"
"""Of what lies beside a label volume: names and colours of its labels are lost with it."""
FOUR_AXES = ".4d.nii"
"""In the name of a NIfTI: all groups of objects that overlap are in the one file."""

_SAME_PLACE_MM = 0.1
_BESIDE = 0.25
"""Of the mean step: how far a slice may lie beside the line of the others."""


@dataclass(frozen=True)
class Sidecar:
    """Contents of a sidecar."""

    labels: dict[int, Label] = field(default_factory=dict)
    slice_origins_mm: list[list[float]] | None = None
    series_uid: str | None = None
    study_uid: str | None = None
    frame_of_reference_uid: str | None = None
    groups: tuple[str, ...] = ()
    """Files of the same result, where its objects overlap: each holds some of them; one of four axes holds all."""
    part: str = ""
    """Of the series, where it holds several volumes: as `Source.part`."""

    def of(self, source: Source) -> Source:
        """A file's source, with the series that the sidecar says its labels are of."""
        return replace(
            source,
            series_uid=self.series_uid,
            study_uid=self.study_uid,
            frame_of_reference_uid=self.frame_of_reference_uid,
            part=self.part,
        )


@dataclass(frozen=True, eq=False)
class Part:
    """A file of labels to be written, and what its sidecar says.

    Parameters
    ----------
    path
        Its name.
    array
        Labels, (slices, rows, columns); of four axes with the groups of objects first.
    text
        Of the sidecar.
    write
        Writes the array on a grid and returns what is found in the file, array and affines.
    """

    path: Path
    array: NDArray[Any]
    text: str
    write: Callable[..., Any]


def sidecar_path(path: Path) -> Path:
    """Name of the sidecar of a label volume: ``tumour.nii.gz`` has ``tumour.labels.json``."""
    stem = stem_of(path.name, sidecar=True)
    return path.with_name((stem if stem != path.name else Path(stem).stem) + SUFFIX)


def files_read(path: Path) -> tuple[Path, ...]:
    """A file of labels, or of prompts, and where labels of its format have one its sidecar, with all that it names."""
    if stem_of(path.name, sidecar=True) == path.name:
        return (path,)
    try:
        groups = read_sidecar(path).groups
    except InputError:  # damaged: whoever reads it is told
        groups = ()
    beside = {path.parent / Path(name).name for name in groups} - {path}
    return (path, sidecar_path(path), *sorted(file for one in beside for file in (one, sidecar_path(one))))


def said_beside(path: Path) -> Path | None:
    """The JSON that another program wrote beside an image that is no DICOM; None where there is none, or ours."""
    row = named(path.name)
    if row is None or row.kind == "dicom":
        return None
    beside = path.with_name(f"{stem_of(path.name)}.json")
    try:
        content = json.loads(read_json(beside))
    except OSError:
        return None
    except (ValueError, RecursionError):
        return beside
    ours = isinstance(content, dict) and str(content.get("schema")).startswith("volsweep-")
    return None if ours else beside


def files_of(path: Path, dicom: DicomKind | None = None) -> tuple[Path, ...]:
    """The files that labels written under a name lie in, the volume last.

    Raises
    ------
    OutputError
        If labels are not written under such a name.
    """
    return (sidecar_path(path), path) if format_written_as(path, dicom).sidecar else (path,)


def sidecar_text(labels: LabelVolume, groups: Mapping[str, Any] | None = None) -> str:
    """JSON of a label volume's sidecar; `groups` says which files hold which objects, where these overlap."""
    told = {str(value): _told(label) for value, label in labels.labels.items()}
    content = {"format": _FORMAT, "version": _VERSION, "labels": told, **_placing(labels.grid, labels.source)}
    content |= {} if groups is None else {"groups": groups}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _told(label: Label) -> dict[str, Any]:
    told: dict[str, Any] = {"name": label.name, "color": label.color, "locked": label.locked}
    return told if label.tracking_uid is None else told | {"tracking_uid": label.tracking_uid}


def placing_text(grid: Grid, source: Source | None) -> str:
    """What a sidecar says beside names and colours, on one line, for formats that hold these themselves."""
    return json.dumps({"format": _FORMAT, "version": _VERSION, "labels": {}, **_placing(grid, source)})


def _placing(grid: Grid, source: Source | None) -> dict[str, Any]:
    origins = grid.slice_origins_mm
    part = {"series_part": source.part} if source and source.part else {}
    return part | {
        "slice_origins_mm": None if origins is None else origins.tolist(),
        "series_uid": source and source.series_uid,
        "study_uid": source and source.study_uid,
        "frame_of_reference_uid": source and source.frame_of_reference_uid,
    }


def _label(value: int, said: dict[str, Any]) -> Label:
    """One label; a colour that is none, such as ``red``, is the label's default one."""
    color = str(said["color"])
    if not re.fullmatch("#[0-9a-fA-F]{6}", color):
        color = Label.default(value).color
    name = Label.default(value).name if said["name"] is None else str(said["name"])
    return Label(name, color, bool(said["locked"]), tracking_uid=str(said.get("tracking_uid")))


def origins_on(sidecar: Sidecar, grid: Grid, name: str) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Slice positions that a sidecar gives, and warnings: none where they are not those of the volume beside it.

    Parameters
    ----------
    sidecar, grid
        The sidecar, and the grid that the volume itself has: from the first position to the last in equal steps.
    name
        Of the volume, for the warning.

    Raises
    ------
    ValueError, GeometryError
        If they are no positions, or as many as there are no slices.
    """
    if sidecar.slice_origins_mm is None:
        return None, ()
    origins = np.array(sidecar.slice_origins_mm, dtype=np.float64)
    Grid(grid.shape_zyx, grid.affine, origins)
    ends = grid.to_lps_mm([[0, 0, 0], [grid.shape_zyx[0] - 1, 0, 0]])
    away_mm = float(np.linalg.norm(origins[[0, -1]] - ends, axis=1).max())
    whose = sidecar_path(Path(name)).name
    if not away_mm <= _SAME_PLACE_MM:  # true for what is no number, too
        why = f"lie up to {away_mm:.3g} mm from those of {name}, so they are of another volume"
    elif not _follow_each_other(origins):
        why = "do not follow each other from the first to the last, so they are damaged"
    else:
        return origins, ()
    return None, (f"the slice positions in {whose} {why}; the volume's own were used",)


def _follow_each_other(origins: FloatArray) -> bool:
    """Whether positions lie one behind the other on the line from the first to the last."""
    whole = origins[-1] - origins[0]
    length = float(np.linalg.norm(whole))
    if not length:
        return len(origins) == 1
    along = (origins - origins[0]) @ whole / length
    beside = origins - origins[0] - along[:, None] * whole / length
    step = length / (len(origins) - 1)
    return bool((np.diff(along) > 0).all() and np.linalg.norm(beside, axis=1).max() <= _BESIDE * step + _SAME_PLACE_MM)


def read_sidecar(path: Path) -> Sidecar:
    """Read a label volume's sidecar; an absent one, or another program's JSON, says nothing.

    Parameters
    ----------
    path
        The label volume.

    Raises
    ------
    InputError
        If the sidecar is one of ours and damaged.
    """
    path = sidecar_path(path)
    try:
        return parse_sidecar(read_json(path).decode(), path)
    except FileNotFoundError:
        return Sidecar()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InputError(f"{path.name} cannot be read ({why}); repair it or move it away") from None


def parse_sidecar(text: str, path: Path) -> Sidecar:
    """What the text of a sidecar says; `path` is the file that it is from.

    Raises
    ------
    InputError
        As `read_sidecar`.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{path.name} cannot be read: it is no JSON{where}; repair it or move it away") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        return Sidecar()
    if content.get("version") != _VERSION:
        raise InputError(f"{path.name} has version {content.get('version')!r}; this Volsweep reads version {_VERSION}")
    try:
        return Sidecar(
            {int(v): _label(int(v), s) for v, s in content["labels"].items() if int(v) > 0},  # 0 is no object
            content["slice_origins_mm"],
            content["series_uid"],
            content["study_uid"],
            content["frame_of_reference_uid"],
            tuple(str(name) for name in content.get("groups", {})),
            str(content.get("series_part", "")),
        )
    except KeyError as error:
        raise InputError(f"{path.name} is damaged: {error} is missing in it; repair it or move it away") from None
    except (TypeError, ValueError, AttributeError):
        raise InputError(
            f"{path.name} is damaged: its labels are no names and colours by number; repair it or move it away"
        ) from None
