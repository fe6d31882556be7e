"""What `volsweep info` tells of a series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_UNSAFE = re.compile(r"[^\w.+-]+")
_LONGEST_NAME = 80


@dataclass(frozen=True)
class SeriesInfo:
    """What is known of a series without decoding its pixels.

    It holds no name or number of the patient; `study_date` and `accession` are the examination's.
    """

    uid: str
    """SeriesInstanceUID; empty where de-identification removed it."""
    kind: str
    modality: str
    number: int | None
    description: str
    files: int
    images: int
    shape_zyx: tuple[int, int, int] | None
    spacing_zyx_mm: tuple[float, float, float] | None
    orientation: str | None
    """Patient direction in which each array axis (z, y, x) increases, such as ``"SPL"``."""
    warnings: tuple[str, ...] = ()
    problem: str = ""
    """Why it cannot be loaded as it is; empty where it can."""
    loads_with_gaps: bool = False
    """Whether ``gaps="keep"`` would load it."""
    path: str = ""
    """Its file, or the folder of its files; of a zip's member: the zip's path followed by the member's."""
    study_uid: str = ""
    study_date: str = ""
    """As DICOM writes it, ``20261128``; empty where it is not said."""
    accession: str = ""

    @property
    def loadable(self) -> bool:
        """Whether `read_volume` loads it by default."""
        return not self.problem

    @property
    def short_name(self) -> str:
        """Number and description, as dcm2niix calls a series' file: for rows, cases and files that are made of it."""
        parts = ("" if self.number is None else str(self.number), self.description or self.modality)
        name = _UNSAFE.sub("_", "_".join(filter(None, parts))).strip("._ -")
        return name[:_LONGEST_NAME].encode("ascii", "replace").decode().replace("?", "_") or "series"

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for JSON."""
        return {
            "uid": self.uid,
            "kind": self.kind,
            "modality": self.modality,
            "number": self.number,
            "description": self.description,
            "files": self.files,
            "images": self.images,
            "shape_zyx": self.shape_zyx and list(self.shape_zyx),
            "spacing_zyx_mm": self.spacing_zyx_mm and list(self.spacing_zyx_mm),
            "orientation": self.orientation,
            "warnings": list(self.warnings),
            "loadable": self.loadable,
            "problem": self.problem,
            "loads_with_gaps": self.loads_with_gaps,
            "path": self.path,
            "study_uid": self.study_uid,
            "study_date": self.study_date,
            "accession": self.accession,
        }
