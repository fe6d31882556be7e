"""The prompt file: versioned JSON, in voxels or in LPS millimetres.

Voxels tie a file to one grid, unless it says which: then, as millimetres do, they fit any volume of the same
patient position.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from volsweep.errors import PromptError, why_invalid, why_refused
from volsweep.geometry import FloatArray, Grid, Plane
from volsweep.io.writing import write_whole
from volsweep.prompts.base import Finite
from volsweep.prompts.drawn_on import (
    DrawnOn,
    ends_lps_mm,
    grid_and_source,
    moved,
    moved_extent,
    on_slice,
    placed_extent,
    told_elsewhere,
)
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import DRAWN, Prompt, PromptSet
from volsweep.settings import read_json
from volsweep.terminology import called
from volsweep.volume import MAX_LABEL, Label, Volume

if TYPE_CHECKING:
    from volsweep.io.placement import Place

SCHEMA: Literal["volsweep-prompts"] = "volsweep-prompts"
VERSION: Literal[1] = 1
_ENDS_MM = ("low_lps_mm", "high_lps_mm")
_SAME_GRID_MM = 0.05
"""Single precision and decimal strings of headers place one grid that much apart."""
_PROMPT: TypeAdapter[Prompt] = TypeAdapter(Prompt)


class _LabelEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    locked: bool = False


class _EndsMm(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: Annotated[int, Field(ge=1, le=MAX_LABEL)]
    plane: Plane
    low_lps_mm: tuple[Finite, Finite, Finite] | None = None
    high_lps_mm: tuple[Finite, Finite, Finite] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    schema_: Annotated[Literal["volsweep-prompts"], Field(alias="schema")] = SCHEMA
    version: Literal[1] = VERSION
    coordinates: Literal["voxel", "lps_mm"] = "voxel"
    volume: DrawnOn | None = None
    labels: dict[Annotated[int, Field(ge=1, le=MAX_LABEL)], _LabelEntry] = Field(default_factory=dict)
    extents: list[dict[str, Any]] = Field(default_factory=list)
    prompts: list[dict[str, Any]]


def write_prompts(
    path: Path | str,
    prompt_set: PromptSet,
    *,
    of: Volume | Place | Grid | None = None,
    lps_of: Grid | None = None,
) -> None:
    """Write prompts as JSON.

    Parameters
    ----------
    path
        File to write, replaced if it exists.
    prompt_set
        What to write.
    of
        The volume they were drawn on: its series, shape and affine are written with them, so that they find
        their place on another grid of the patient, and no place on another patient.
    lps_of
        If given, coordinates are written in LPS mm through this grid (masks cannot be);
        otherwise in voxels.
    """
    prompts = []
    for prompt in prompt_set.prompts:
        entry = (prompt if lps_of is None else prompt.in_mm(lps_of)).model_dump(mode="json")
        if lps_of is not None:
            if prompt.is_painted:
                raise PromptError("mask prompts are tied to voxels and cannot be written in mm; write them in voxels")
            del entry[prompt.xy_field], entry["slice"]
            entry["points_lps_mm"] = np.round(_to_lps(prompt, lps_of), 6).tolist()
        prompts.append(entry)
    labels = {v: {"name": x.name, "color": x.color, "locked": x.locked} for v, x in prompt_set.labels.items()}
    coordinates = "voxel" if lps_of is None else "lps_mm"
    content: dict[str, Any] = {"schema": SCHEMA, "version": VERSION, "coordinates": coordinates}
    if of is not None:
        content["volume"] = DrawnOn.of(of).model_dump(mode="json", exclude_none=True)
    content |= {"labels": labels, "prompts": prompts}
    if prompt_set.extents:
        content["extents"] = [_extent_entry(extent, lps_of) for extent in prompt_set.extents]
    source = None if of is None or isinstance(of, Grid) else of.source
    write_whole(Path(path), json.dumps(content, indent=1) + "\n", overwrite=True, spare=source)


def read_prompts(path: Path | str, on: Volume | Place | Grid, *, anyway: bool = False) -> PromptSet:
    """Read prompts from JSON and place them in a volume.

    Parameters
    ----------
    path
        File written by `write_prompts`, or by hand.
    on
        The volume the prompts are for, or where its voxels lie. Prompts that say that they were drawn on another
        grid are placed by millimetres.
    anyway
        Take voxels as they are, whatever the file says they are of.

    Returns
    -------
    PromptSet
        Its notes say what is not known, or was done.

    Raises
    ------
    PromptError
        If the file is not of this form, a prompt is outside the volume, or they are another patient's; entries
        are counted from 1.
    """
    content = _load(path)
    grid, source = grid_and_source(on)
    drawn_on, name = content.volume, Path(path).name
    notes = []
    if drawn_on is None:
        notes.append(f"{name} does not say which volume its prompts were drawn on; look whether it is this one")
    elif anyway:
        notes.append(f"the prompts of {name} were taken as they are, whatever volume they were drawn on")
        drawn_on = None
    else:
        try:
            drawn_on.check_same_patient(source)
        except PromptError as error:
            raise PromptError(f"{path}: {error}") from None
        if content.coordinates == "lps_mm" or drawn_on.grid.matches(grid, _SAME_GRID_MM):
            drawn_on = None
        else:
            notes.append(f"the prompts of {name} were drawn on another grid, and placed on this one by millimetres")
    prompts = [
        _checked(path, number, entry, content.coordinates, _Grids(grid, drawn_on.grid if drawn_on else None))
        for number, entry in enumerate(content.prompts, start=1)
    ]
    labels = {
        value: Label(entry.name, entry.color or called(entry.name, value).color, entry.locked)
        for value, entry in content.labels.items()
    }
    extents = [
        _extent(path, number, entry, content.coordinates, _Grids(grid, drawn_on.grid if drawn_on else None))
        for number, entry in enumerate(content.extents, start=1)
    ]
    return PromptSet(tuple(prompts), labels, tuple(notes), tuple(extents))


def check_prompt_file(path: Path | str, shape_of: Grid | None = None) -> None:
    """Find what is wrong with a prompt file before its volume is read.

    Parameters
    ----------
    path
        The file.
    shape_of
        A grid of the volume's shape and orientation, wherever it lies: prompts in voxels must be on it.

    Raises
    ------
    PromptError
        As `read_prompts`.
    """
    content = _load(path)
    for number, entry in enumerate(content.prompts, start=1):
        if content.coordinates == "voxel":
            _checked(path, number, entry, content.coordinates, _Grids(shape_of))
    for number, entry in enumerate(content.extents, start=1):
        if content.coordinates == "voxel":
            _extent(path, number, entry, content.coordinates, _Grids(shape_of))


def _load(path: Path | str) -> _File:
    try:
        return _File.model_validate_json(read_json(Path(path)))
    except OSError as error:
        raise PromptError(f"prompts {path} cannot be read: {why_refused(error)}") from error
    except ValidationError as error:
        raise PromptError(f"{path} is not a prompt file of version {VERSION}: {why_invalid(error)}") from error


class _Grids(NamedTuple):
    """Of the volume, None where it is not known yet; and of the one that prompts were drawn on, if it is another."""

    volume: Grid | None
    drawn_on: Grid | None = None


@contextmanager
def _named(path: Path | str, entry: str) -> Iterator[None]:
    """What is wrong with an entry is said with its file and place."""
    try:
        yield
    except ValidationError as error:
        raise PromptError(f"{path}, {entry}: {why_invalid(error)}") from error
    except PromptError as error:
        raise PromptError(f"{path}, {entry}: {error}") from error


def _checked(path: Path | str, number: int, entry: dict[str, Any], coordinates: str, grids: _Grids) -> Prompt:
    grid = grids.volume
    with _named(path, f"prompt {number}"):
        if grid is not None:
            entry = {"plane": (grids.drawn_on or grid).own_plane, **entry}
            if coordinates == "lps_mm":
                entry = _from_lps(entry, grid)
        prompt = _PROMPT.validate_python(entry)
        if grid is not None:
            if grids.drawn_on is not None:
                prompt.check_on(grids.drawn_on)
            with told_elsewhere(grids.drawn_on):
                prompt = prompt if grids.drawn_on is None else moved(prompt, grids.drawn_on, grid)
                prompt.check_on(grid)
    return prompt


def _extent_entry(extent: Extent, lps_of: Grid | None) -> dict[str, Any]:
    entry: dict[str, Any] = extent.model_dump(mode="json")
    if lps_of is not None or extent.drawn is None:
        del entry["drawn"]  # a box is on voxels, and so is a region
    if lps_of is not None:
        entry.pop("within", None)
        del entry["first"], entry["last"]
        for name, end_mm in zip(_ENDS_MM, ends_lps_mm(extent, lps_of), strict=True):
            entry[name] = None if end_mm is None else np.round(end_mm, 6).tolist()
    return entry


def _extent(path: Path | str, number: int, entry: dict[str, Any], coordinates: str, grids: _Grids) -> Extent:
    grid = grids.volume
    with _named(path, f"extent {number}"):
        if grid is None:
            return Extent.model_validate(entry)
        entry = {"plane": (grids.drawn_on or grid).own_plane, **entry}
        if coordinates == "lps_mm":
            ends = _EndsMm.model_validate(entry)
            low, high = (None if end is None else np.array(end) for end in (ends.low_lps_mm, ends.high_lps_mm))
            return placed_extent(ends.label, ends.plane, (low, high), grid)
        extent = Extent.model_validate(entry)
        if grids.drawn_on is not None:
            extent.check_on(grids.drawn_on)
        with told_elsewhere(grids.drawn_on):
            extent = extent if grids.drawn_on is None else moved_extent(extent.on(grids.drawn_on), grids.drawn_on, grid)
            extent.check_on(grid)
        return extent.on(grid)


def _to_lps(prompt: Prompt, grid: Grid) -> FloatArray:
    points_yx = prompt.points_xy()[:, ::-1]
    return grid.to_lps_mm(np.insert(points_yx, grid.plane_axis(prompt.plane), prompt.slice, axis=1))


def _from_lps(entry: dict[str, Any], grid: Grid) -> dict[str, Any]:
    """Turn an entry in mm into one in voxels; anything malformed is left for validation to name."""
    entry = dict(entry)
    kind = DRAWN.get(entry.get("kind", ""))
    if kind is None:
        raise PromptError(f"kind {entry.get('kind')!r} cannot be given in mm; use {', '.join(DRAWN)}")
    try:
        points = np.asarray(entry.pop("points_lps_mm"), dtype=np.float64).reshape(-1, 3)
        plane = Plane(entry.get("plane", Plane.AXIAL))
    except (KeyError, TypeError, ValueError) as error:
        raise PromptError(f"points_lps_mm must be a list of [x, y, z] in mm, and plane a plane ({error})") from error
    if not np.isfinite(points).all():
        raise PromptError(f"points_lps_mm {points.tolist()} are not finite")
    entry["slice"], xy = on_slice(points, grid, plane)
    if entry["kind"] == "box" and len(xy) == 2:
        xy = np.stack([xy.min(axis=0), xy.max(axis=0)])
    entry[kind.xy_field] = [float(v) for v in xy.flatten()]
    return entry
