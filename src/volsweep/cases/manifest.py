"""Cases to train and to evaluate on: volumes with trusted label maps, named by a manifest.

A manifest is a JSON list; each entry names an image and its label map::

    [{"image": "a/ct.nii.gz", "label": "a/seg.nii.gz", "modality": "CT", "family": "liver"}]

or, as the shared cases do, a folder that holds ``image.nii.gz`` and ``label.nii.gz``::

    [{"path": "dev/sarcoma/sts_001_ct", "split": "dev", "family": "sarcoma", "modality": "CT"}]

Paths are relative to the manifest. What a data set's files do not say themselves is said here, never in code:
`Case` lists the fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from volsweep.errors import GeometryError, InputError, why_invalid
from volsweep.intensity import Window
from volsweep.io import read_labels, read_volume
from volsweep.settings import expanded, read_json
from volsweep.volume import LabelVolume, Volume


@dataclass(frozen=True)
class Case:
    """One volume and the labels that are held to be true.

    Parameters
    ----------
    name
        What it is called in tables.
    image, label
        Files that `volsweep.read_volume` and `volsweep.read_labels` read.
    family
        Cases of one family and modality are summarised together.
    modality
        DICOM's two letters; replaces what the file says where given.
    labels
        The values that count; None for all.
    window
        A window as `volsweep.Session` takes it, in the values as they are stored.
    split
        The part of the data it belongs to; cases without one belong to all.
    patient, study
        Whose it is, and which of several studies; cases of one patient are not independent. Without a patient
        each case is one of its own.
    offset, intensity_scale
        A stored value plus the offset, over the scale, is the true one: in CT, Hounsfield units.
    open_ended
        Labels whose ends were put somewhere along a longer structure (a spinal cord contoured over some
        vertebrae): where they end says nothing.
    """

    name: str
    image: Path
    label: Path
    family: str = ""
    modality: str = ""
    labels: tuple[int, ...] | None = None
    window: str = "auto"
    split: str = ""
    patient: str = ""
    study: int | None = None
    offset: float = 0.0
    intensity_scale: float = 1.0
    open_ended: tuple[int, ...] = ()

    @property
    def group(self) -> str:
        """Family and modality: what is summarised in one row."""
        return " ".join(part for part in (self.family, self.modality) if part) or "all"

    def load(self) -> tuple[Volume, LabelVolume]:
        """Read the image, in its true values, and its labels.

        Raises
        ------
        GeometryError
            If they do not lie on the same grid.
        """
        volume, labels = read_volume(self.image), read_labels(self.label)
        if not volume.grid.matches(labels.grid):
            raise GeometryError(
                f"case {self.name}: image {volume.shape_zyx} and label {labels.shape_zyx} do not lie on the same grid; "
                "resample the label onto the image"
            )
        array = self._true_values(volume.array_zyx)
        return replace(volume, array_zyx=array, modality=self.modality or volume.modality), labels

    def true_window(self) -> Window | str:
        """The window, in the values that `load` gives."""
        if not self._moved or "/" not in self.window:
            return self.window
        try:
            width, level = (float(part) for part in self.window.split("/"))
        except ValueError:
            raise InputError(f"case {self.name}: window {self.window!r} is not width/level, such as '400/40'") from None
        return Window((level + self.offset) / self._scale, width / self._scale)

    @property
    def _scale(self) -> float:
        """Only Hounsfield units mean something by themselves: other modalities keep what is stored."""
        return self.intensity_scale if self.modality == "CT" else 1.0

    @property
    def _moved(self) -> bool:
        return bool(self.offset) or self._scale != 1

    def _true_values(self, stored: NDArray[Any]) -> NDArray[Any]:
        if not self._moved:
            return stored
        if np.issubdtype(stored.dtype, np.integer) and self._scale == 1 and float(self.offset).is_integer():
            # Whole numbers stay whole, and small in memory.
            moved = stored.astype(np.int32) + int(self.offset)
            fits = int(moved.min()) >= -(2**15) and int(moved.max()) < 2**15
            return moved.astype(np.int16) if fits else moved
        return ((stored + np.float32(self.offset)) / np.float32(self._scale)).astype(np.float32)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    image: Path | None = None
    label: Path | None = None
    path: Path | None = None
    name: str = ""
    family: str = ""
    modality: str = ""
    split: str = ""
    labels: tuple[int, ...] | None = None
    window: str = "auto"
    patient: str = ""
    study: int | None = None
    offset: float = 0.0
    intensity_scale: float = Field(default=1.0, gt=0)
    open_ended: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _names_files(self) -> _Entry:
        if self.path is None and (self.image is None or self.label is None):
            raise ValueError("an entry needs image and label, or the path of a folder that holds both")
        return self

    def case(self, folder: Path) -> Case:
        here = folder / (self.path or "")
        image, label = here / (self.image or "image.nii.gz"), here / (self.label or "label.nii.gz")
        name = self.name or (self.path.name if self.path else image.name.split(".")[0])
        said = self.model_dump(exclude={"image", "label", "path", "name"})
        return Case(name=name, image=image, label=label, **said)


def read_cases(path: str | Path, split: str | None = None, families: Iterable[str] = ()) -> list[Case]:
    """Read a manifest.

    Parameters
    ----------
    path
        The JSON file, or a folder with ``cases.json`` in it.
    split
        Only entries of this split, and those that name none.
    families
        Only entries of these families; all by default.

    Raises
    ------
    InputError
        If there is no such file, it is no manifest, or nothing is left of it.
    """
    path = expanded(path)
    path = path / "cases.json" if path.is_dir() else path
    try:
        entries = TypeAdapter(list[_Entry]).validate_json(read_json(path))
    except OSError as error:
        raise InputError(f"manifest {path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise InputError(f"manifest {path} is not a list of cases: {why_invalid(error)}") from None
    wanted = set(families)
    unknown = wanted - {e.family for e in entries}
    if unknown:
        raise InputError(f"manifest {path} has no family {', '.join(sorted(unknown))}")
    chosen = [e for e in entries if (split is None or e.split in ("", split)) and (not wanted or e.family in wanted)]
    if not chosen:
        raise InputError(f"manifest {path} lists no case" + (f" of split {split!r}" if split else ""))
    return [e.case(path.resolve().parent) for e in chosen]
