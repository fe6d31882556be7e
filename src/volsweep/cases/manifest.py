"""Cases to evaluate on: volumes with trusted label maps, named by a manifest.

A manifest is a JSON list; each entry names an image and its label map::

    [{"image": "a/ct.nii.gz", "label": "a/seg.nii.gz", "modality": "CT", "family": "liver"}]

or, as the shared cases do, a folder that holds ``image.nii.gz`` and ``label.nii.gz``::

    [{"path": "dev/sarcoma/sts_001_ct", "split": "dev", "family": "sarcoma", "modality": "CT"}]

Paths are relative to the manifest. `labels` picks some values (all by default), `window` says
how the image is shown to the network (by modality, by default).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from volsweep.errors import GeometryError, InputError
from volsweep.io import read_labels, read_volume
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
        The values to evaluate; None for all.
    window
        A window as `volsweep.Session` takes it.
    """

    name: str
    image: Path
    label: Path
    family: str = ""
    modality: str = ""
    labels: tuple[int, ...] | None = None
    window: str = "auto"

    @property
    def group(self) -> str:
        """Family and modality: what is summarised in one row."""
        return " ".join(part for part in (self.family, self.modality) if part) or "all"

    def load(self) -> tuple[Volume, LabelVolume]:
        """Read the image and its labels.

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
        return (replace(volume, modality=self.modality) if self.modality else volume), labels


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    image: Path | None = None
    label: Path | None = None
    path: Path | None = None
    name: str = ""
    family: str = ""
    modality: str = ""
    split: str = ""
    labels: tuple[int, ...] | None = None
    window: str = "auto"

    @model_validator(mode="after")
    def _names_files(self) -> _Entry:
        if self.path is None and (self.image is None or self.label is None):
            raise ValueError("an entry needs image and label, or the path of a folder that holds both")
        return self

    def case(self, folder: Path) -> Case:
        here = folder / (self.path or "")
        image, label = here / (self.image or "image.nii.gz"), here / (self.label or "label.nii.gz")
        name = self.name or (self.path.name if self.path else image.name.split(".")[0])
        return Case(name, image, label, self.family, self.modality, self.labels, self.window)


def read_cases(path: str | Path, split: str | None = None, families: Iterable[str] = ()) -> list[Case]:
    """Read a manifest.

    Parameters
    ----------
    path
        The JSON file, or a folder with ``cases.json`` in it.
    split
        Only entries of this split.
    families
        Only entries of these families; all by default.

    Raises
    ------
    InputError
        If there is no such file, it is no manifest, or nothing is left of it.
    """
    path = Path(path).expanduser()
    path = path / "cases.json" if path.is_dir() else path
    try:
        entries = TypeAdapter(list[_Entry]).validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"manifest {path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the list"
        raise InputError(f"manifest {path} is not a list of cases: {where}: {problem['msg']}") from None
    wanted = set(families)
    unknown = wanted - {e.family for e in entries}
    if unknown:
        raise InputError(f"manifest {path} has no family {', '.join(sorted(unknown))}")
    chosen = [e for e in entries if split in (None, e.split) and (not wanted or e.family in wanted)]
    if not chosen:
        raise InputError(f"manifest {path} lists no case" + (f" of split {split!r}" if split else ""))
    return [e.case(path.parent) for e in chosen]
