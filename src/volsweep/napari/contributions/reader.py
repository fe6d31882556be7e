"""napari's reader: drop a series folder, a file or a zip on the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from volsweep.errors import InputError
from volsweep.io import read_labels, read_volume
from volsweep.io.dicom.files import is_zip, starts_like_dicom
from volsweep.io.formats import format_of, kind_of, named, stem_of
from volsweep.io.sidecar import sidecar_path
from volsweep.napari.canvas.layers import image_layer, labels_layer
from volsweep.volume import Volume

LayerData = tuple[Any, dict[str, Any], str]

_FILES_LOOKED_AT = 200
"""In a folder, before it is left to other plugins."""


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Offer to read a path; None leaves it to other plugins.

    Parameters
    ----------
    path
        A folder or file. Several files of one series stand for the series.
    """
    return read if _looks_readable(_one(path)) else None


def read(path: str | Sequence[str], *, series: str | None = None, gaps: Any = "refuse") -> list[LayerData]:
    """Read a volume, or a label volume that Volsweep or 3D Slicer saved, with its geometry; see `read_volume`."""
    where = _one(path)
    if format_of(kind_of(where)[1]).holds == "labels":
        return [labels_layer(read_labels(where), name_of(where))]
    if sidecar_path(where).is_file() and where.is_file():
        try:
            return [labels_layer(read_labels(where), name_of(where))]
        except InputError:
            pass  # another program's JSON beside an image: the image is what is meant
    volume = read_volume(where, series=series, gaps=gaps)
    return [image_layer(volume, volume_name(volume, where))]


def volume_name(volume: Volume, path: Path) -> str:
    """What to call a volume's layer: modality and folder, never what DICOM says of the patient."""
    return f"{volume.modality} {name_of(path)}".strip()


def name_of(path: Path) -> str:
    """File name without the endings of its format."""
    name = path.name or path.resolve().name
    if not path.is_file():
        return name
    stem = stem_of(name)
    return stem if stem != name else Path(name).stem


def _looks_readable(path: Path) -> bool:
    """Whether a path is worth a try: told from the first bytes, since DICOM needs no suffix."""
    if path.is_dir():
        files = islice((p for p in path.rglob("*") if p.is_file()), _FILES_LOOKED_AT)
        return any(_is_dicom(file) for file in files)
    if not path.is_file():
        return False
    row = named(path.name)
    return (row is not None and not row.is_dicom) or _is_dicom(path) or is_zip(path)


def _is_dicom(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return starts_like_dicom(stream.read(132))
    except OSError:
        return False


def _one(path: str | Sequence[str]) -> Path:
    return Path(path if isinstance(path, str) else path[0])
