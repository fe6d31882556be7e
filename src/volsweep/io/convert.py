"""From one format of labels to another."""

from __future__ import annotations

import os

from volsweep.io.labels import DicomKind, read_labels, write_labels
from volsweep.io.receipt import Receipt
from volsweep.volume import Volume


def convert(
    in_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | Volume | None = None,
    dicom: DicomKind | None = None,
    overwrite: bool = False,
) -> Receipt:
    """Convert labels between NIfTI, NRRD, DICOM SEG and RTSTRUCT.

    Parameters
    ----------
    in_path
        What `read_labels` reads.
    out_path
        What `write_labels` writes; the name chooses the format.
    source
        The series that the labels belong to: what is written lies on its slices. An RTSTRUCT
        cannot be read, nor DICOM written, without it.
    dicom
        ``"seg"`` or ``"rtstruct"``, whatever the name of a ``.dcm`` says.
    overwrite
        Whether existing files may be replaced.

    Returns
    -------
    Receipt
        Of what was written; its `warnings` are those of reading.

    Raises
    ------
    InputError
        If the labels cannot be read.
    GeometryError
        If they do not lie on the voxels of the series.
    OutputError
        If they cannot be written.
    """
    labels = read_labels(in_path, source=source)
    return write_labels(out_path, labels, overwrite=overwrite, dicom=dicom, drawn_here=False)
