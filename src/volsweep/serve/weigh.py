"""How much memory a file asks for, before it is read: what a header promises is believed only as a reason to refuse."""

from __future__ import annotations

import math
from pathlib import Path

from volsweep.errors import InputError
from volsweep.io.formats import kind_of
from volsweep.io.itk.fields import read_fields
from volsweep.io.itk.header import check_data_file
from volsweep.io.volumes import find_series

_DICOM_BYTES, _ITK_BYTES = 4, 8
"""Of a voxel: at most so many."""


def promised_bytes(path: Path, most_bytes: int) -> int:
    """How much memory the largest volume at a path takes, as its headers say.

    Parameters
    ----------
    path
        What `read_volume` takes.
    most_bytes
        What it may take.

    Raises
    ------
    InputError
        If it takes more, or is no volume.
    """
    path, kind = kind_of(path)
    if kind == "nifti":
        promised = _of_nifti(path)
    elif kind in ("nrrd", "metaimage", "seg_nrrd"):
        fields = read_fields(path)
        check_data_file(path, fields)
        counts = fields.get("dimsize", fields.get("sizes", "1")).split()
        promised = math.prod(map(int, counts)) * _ITK_BYTES
    else:
        shapes = [info.shape_zyx for info in find_series(path) if info.shape_zyx is not None]
        promised = max((math.prod(shape) for shape in shapes), default=0) * _DICOM_BYTES
    if promised > most_bytes:
        raise InputError(
            f"it would take {promised / 2**30:.1f} GiB of memory, and this server has {most_bytes / 2**30:.1f} GiB for "
            "volumes; open a smaller series, or start the server with more (--memory)"
        )
    return promised


def _of_nifti(path: Path) -> int:
    from volsweep.io.nifti import load_in_silence

    try:
        image = load_in_silence(path)
        shape, itemsize = image.shape, image.get_data_dtype().itemsize
    except Exception:  # nibabel, zlib and numpy each have their own
        raise InputError(f"{path.name} cannot be read as NIfTI; it may be damaged") from None
    # What is scaled becomes floats.
    return math.prod(map(int, shape)) * max(int(itemsize), 4)
