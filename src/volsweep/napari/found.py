"""What is found at a path that someone chose or dropped: images, objects, or why it is neither. Beside the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volsweep.errors import InputError, VolsweepError
from volsweep.io import read_labels, read_objects
from volsweep.io.derived.reference import made_by
from volsweep.io.formats import kind_of
from volsweep.io.sidecar import sidecar_path
from volsweep.napari.canvas.layers import VOLUME_KEY
from volsweep.napari.contributions.reader import read
from volsweep.operations.brought import Load
from volsweep.prompts.base import checked
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.labels import masks_from_labels
from volsweep.prompts.source import SourceKind, is_regular, kind_of_source, read_prompt_source
from volsweep.session.actions import EditLabel, LoadPrompts, Operate
from volsweep.session.builders import loading
from volsweep.volume import Volume

_MOST_LABELS, _MOSTLY = 64, 0.3
_PROMPTED = (SourceKind.PROMPTS, SourceKind.SR, SourceKind.GSPS)
_MOST_BESIDE = 20
"""Files beside the images that are looked at."""


@dataclass(frozen=True)
class Found:
    """What was read."""

    layers: list[Any]
    objects: tuple[Path, ...] = ()
    """Files beside the images that hold objects: SEG, RTSTRUCT."""


class Refusal:
    """A path that was not read, and why."""

    def __init__(self, error: VolsweepError, path: Path, series: str | None) -> None:
        self.error, self._path, self._series = error, path, series

    def keep_gaps(self, load: Callable[[Path, str | None, str], None]) -> Callable[[], None]:
        """Read it with its gaps."""
        return lambda: load(self._path, self._series, "keep")


@dataclass(frozen=True)
class Objects:
    """Objects of a file on the grid of the volume that is open, numbered from 1.

    Context is locked; what is drawn leaves it alone.
    """

    found: PromptSet
    is_context: bool

    def numbered(self, first: int) -> Operate | LoadPrompts:
        """What makes them objects of a session, as one action; `first` and all that follow are free there."""
        prompts = tuple(p.model_copy(update={"label": p.label + first - 1}) for p in self.found.prompts)
        labels = {value + first - 1: label for value, label in self.found.labels.items()}
        if self.is_context:
            rows = labels.items()
            locked = tuple(checked(EditLabel, label=v, name=one.name, color=one.color, locked=True) for v, one in rows)
            return checked(LoadPrompts, prompts=prompts, labels=locked)
        names = {value: label.name for value, label in labels.items()}
        colors = {value: label.color for value, label in labels.items()}
        return checked(Operate, label=first, operation=Load(), found=prompts, names=names, colors=colors)


def read_path(
    path: Path, series: str | None, gaps: str, onto: Volume | None
) -> Found | Objects | LoadPrompts | Refusal:
    """Read what lies at a path: labels become objects of the volume that is open, if one is."""
    if onto is not None and may_hold_labels(path):
        return read_as_objects(path, onto)
    return read_images(path, series, gaps)


def read_images(path: Path, series: str | None, gaps: str) -> Found | Refusal:
    """Read images, and find what lies beside them."""
    try:
        layers = read(str(path), series=series, gaps=gaps)
        return Found(layers, _objects_beside(path, layers[0][1]["metadata"].get(VOLUME_KEY)))
    except VolsweepError as error:
        return Refusal(error, path, series)
    except Exception as error:  # a defect of ours, or of a library: said in the panel, like all that is not read
        return Refusal(InputError(f"{path.name} cannot be read: unexpected {type(error).__name__}"), path, series)


def _objects_beside(path: Path, volume: Volume | None) -> tuple[Path, ...]:
    """Files in a series' folder that were passed over as images, and hold objects."""
    if volume is None or not path.is_dir() or not any("hold no image" in warning for warning in volume.warnings):
        return ()
    images = set() if volume.source is None else {Path(file) for file in volume.source.slice_files}
    others = [file for file in sorted(path.rglob("*")) if file.is_file() and file not in images]
    return tuple(file for file in others[:_MOST_BESIDE] if _holds_objects(file))


def _holds_objects(path: Path) -> bool:
    try:
        return kind_of_source(path) in (SourceKind.SEG, SourceKind.RTSTRUCT)
    except VolsweepError:
        return False


def may_hold_labels(path: Path) -> bool:
    """Whether a file, by what is beside it or its first bytes, holds objects or prompts rather than an image."""
    if not is_regular(path):
        return False
    try:
        kind = kind_of_source(path)
    except VolsweepError:
        return False  # an image, or nothing that is read
    if kind in (SourceKind.SEG, SourceKind.RTSTRUCT, *_PROMPTED):
        return True
    return kind is SourceKind.MASK and (sidecar_path(path).is_file() or is_context(path) or _looks_like_labels(path))


def _looks_like_labels(path: Path) -> bool:
    """Whether a volume's values are a few whole numbers, mostly 0: those of no scan are."""
    try:
        labels = read_labels(path)
    except VolsweepError:
        return False
    array = labels.array_zyx
    return bool(array.min() >= 0 and len(labels.values()) <= _MOST_LABELS and (array == 0).mean() > _MOSTLY)


def is_context(path: Path) -> bool:
    """Whether a program that outlines organs wrote a file: TotalSegmentator says so, in either of its formats."""
    from volsweep.io.label_table import label_table

    try:
        if kind_of_source(path) is SourceKind.SEG:
            return made_by(path, "TotalSegmentator")
        return kind_of(path)[1] == "nifti" and not sidecar_path(path).is_file() and bool(label_table(path))
    except VolsweepError:
        return False


def read_as_objects(path: Path, volume: Volume) -> Objects | LoadPrompts | Refusal:
    """Read objects on the grid of a volume; their numbers are chosen when they join its own.

    Prompts keep the labels that they were given to, as `Session.load_prompts` does.
    """
    try:
        if kind_of_source(path) in _PROMPTED:
            return loading(read_prompt_source(path, volume))
        return Objects(masks_from_labels(read_objects(path, source=volume), 1), is_context(path))
    except VolsweepError as error:
        return Refusal(error, path, None)
    except Exception as error:  # as in read_images
        return Refusal(InputError(f"{path.name} cannot be read: unexpected {type(error).__name__}"), path, None)
