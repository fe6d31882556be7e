"""Prompts from what readers drew: measurements in DICOM SR and graphics in presentation states (GSPS)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from volsweep.errors import GeometryError, PromptError
from volsweep.geometry import FloatArray, Grid, Plane
from volsweep.io.contours import fill
from volsweep.io.derived.annotations import Annotation, Annotations
from volsweep.io.derived.graphic_meaning import cross
from volsweep.prompts.kinds import Box, Line, Point, Prompt, PromptSet
from volsweep.prompts.recist import Recist
from volsweep.prompts.shapes import DrawnAs, Slice, choose, prompt_of_mask
from volsweep.volume import Label, Source

_ONE_SLICE = 0.5
"""In slices: how far the points of one graphic in mm may lie from its slice."""


@dataclass
class _Object:
    """What was drawn at one object: shapes with their slices, vertices as (x, y)."""

    value: int
    name: str
    shapes: dict[str, list[tuple[int, FloatArray]]] = field(default_factory=dict)

    @property
    def label(self) -> Label:
        default = Label.default(self.value)
        return Label(self.name or default.name, default.color)


def prompts_from_annotations(
    annotations: Annotations,
    grid: Grid,
    source: Source | None,
    *,
    kind: DrawnAs = "box",
    plane: Plane | str | None = None,
    only: Iterable[str | int] = (),
    slices: tuple[int, int] | None = None,
) -> PromptSet:
    """Prompt what readers drew.

    Of an object's outlines the largest slice becomes a box, a line, both axes or a mask, as for labels; where it
    has none, its longest line becomes a line, with the longest one that crosses it both axes. Its points become
    positive points besides.

    Parameters
    ----------
    annotations
        Of an SR document or a presentation state.
    grid, source
        Of the volume to be segmented, and its DICOM series.
    kind, only, slices
        See `prompts_from_labels`.
    plane
        The plane that is to be swept, the series' own by default; graphics on images are about the images' own.

    Raises
    ------
    GeometryError
        If nothing of it is about this volume.
    PromptError
        If an object is not there, or nothing of it is on these slices.
    """
    plane = grid.own_plane if plane is None else Plane(plane)
    objects: dict[str, _Object] = {}
    for annotation in annotations.found:
        for index, points_xy in _place(annotation, annotations, grid, source, plane):
            known = objects.setdefault(annotation.group, _Object(len(objects) + 1, annotation.name))
            known.shapes.setdefault(annotation.shape, []).append((index, points_xy))
    if not objects:
        raise GeometryError(
            f"none of the {len(annotations.found)} graphics in {annotations.path.name} is about this series; "
            "give the series it was drawn on"
        )
    chosen = choose({thing.value: thing.label for thing in objects.values()}, only)
    prompts: list[Prompt] = []
    for thing in objects.values():
        if thing.value in chosen:
            prompts += _prompts(thing, grid, plane, kind, slices)
    for prompt in prompts:
        prompt.check_on(grid)
    labels = {thing.value: thing.label for thing in objects.values() if thing.value in chosen}
    notes = [f"left out of {annotations.path.name}: {', '.join(annotations.left_out)}"] if annotations.left_out else []
    return PromptSet(tuple(prompts), labels, tuple(notes))


def _place(
    annotation: Annotation, annotations: Annotations, grid: Grid, source: Source | None, plane: Plane
) -> list[tuple[int, FloatArray]]:
    """Slices that a graphic is on, with its vertices there."""
    if annotation.points.shape[1] == 2:
        return _on_images(annotation, annotations, grid, source, plane)
    theirs, mine = annotation.frame_of_reference_uid, source.frame_of_reference_uid if source else None
    if theirs and mine and theirs != mine:
        return []
    axis = grid.plane_axis(plane)
    index = grid.to_index_zyx(annotation.points)
    # Where slices are unevenly spaced, indices end with the stack, and what lies beyond seems to be in it.
    away_mm = float(np.linalg.norm(grid.to_lps_mm(index) - annotation.points, axis=1).max())
    middle = float(index[:, axis].mean())
    if not -_ONE_SLICE < middle < grid.shape_zyx[axis] - _ONE_SLICE or away_mm > grid.spacing_zyx_mm[axis] / 2:
        return []
    xy = np.delete(index, axis, axis=1)[:, ::-1]
    if annotation.shape == "points":
        return [(round(float(at)), point[None]) for at, point in zip(index[:, axis], xy, strict=True)]
    if np.abs(index[:, axis] - middle).max() > _ONE_SLICE:
        raise PromptError(
            f"a graphic of {annotations.path.name} runs through {plane} slices {index[:, axis].min():.1f} to "
            f"{index[:, axis].max():.1f}; sweep the plane it was drawn in"
        )
    return [(round(middle), xy)]


def _on_images(
    annotation: Annotation, annotations: Annotations, grid: Grid, source: Source | None, plane: Plane
) -> list[tuple[int, FloatArray]]:
    if source is None or not source.sop_instance_uids:
        raise GeometryError(
            f"{annotations.path.name} is about DICOM images, and this volume does not know its own; give their series"
        )
    frames: Sequence[int | None] = source.frame_numbers or [None] * len(source.sop_instance_uids)
    wanted = set(annotation.images)
    found = [
        (index, annotation.points)
        for index, (uid, frame) in enumerate(zip(source.sop_instance_uids, frames, strict=True))
        if (uid, frame) in wanted or (uid, None) in wanted or (frame is None and (uid, 1) in wanted)
    ]
    if found and grid.plane_axis(plane) != 0:
        raise PromptError(
            f"{annotations.path.name} was drawn on {grid.plane_of_axis(0)} slices, so that is the plane to sweep"
        )
    return found


def _prompts(thing: _Object, grid: Grid, plane: Plane, kind: DrawnAs, slices: tuple[int, int] | None) -> list[Prompt]:
    first, last = slices or (0, grid.plane_shape(plane)[0] - 1)
    shapes = {
        shape: [(index, xy) for index, xy in drawn if first <= index <= last] for shape, drawn in thing.shapes.items()
    }
    out: list[Prompt] = []
    if shapes.get("outline"):
        out.append(_of_outlines(thing.value, shapes["outline"], grid, plane, kind))
    elif shapes.get("line"):
        out.append(_of_lines(thing.value, shapes["line"], grid, plane))
    elif shapes.get("path"):
        index, xy = max(shapes["path"], key=lambda drawn: float(np.prod(np.ptp(drawn[1], axis=0))))
        out.append(_around(thing.value, Slice(grid, plane, index), xy))
    for index, xy in shapes.get("points", []):
        out += [
            Point(label=thing.value, slice=index, plane=plane, point_xy=(float(x), float(y))) for x, y in xy.tolist()
        ]
    if not out:
        raise PromptError(f"nothing of {thing.label.name!r} was drawn on slices {first} to {last}")
    return out


def _of_lines(value: int, drawn: list[tuple[int, FloatArray]], grid: Grid, plane: Plane) -> Line | Recist:
    """The longest line, and the longest one on its slice that crosses it, the short axis."""
    lines = sorted(drawn, key=lambda one: _length_mm(one[1], grid, plane), reverse=True)
    index, long_xy = lines[0]
    where: dict[str, Any] = {"label": value, "slice": index, "plane": plane}
    short_xy = next((xy for at, xy in lines[1:] if at == index and cross(long_xy, xy)), None)
    if short_xy is None:
        return Line.from_numbers(long_xy, **where)
    return Recist.from_numbers(np.stack([long_xy, short_xy]), **where)


def _of_outlines(value: int, drawn: list[tuple[int, FloatArray]], grid: Grid, plane: Plane, kind: DrawnAs) -> Prompt:
    """The largest slice of an object's outlines; one that holds no voxel's centre is a box."""
    shape_yx = grid.plane_shape(plane)[1:]
    masks = {index: fill([xy for at, xy in drawn if at == index], shape_yx) for index, _ in drawn}
    index = max(masks, key=lambda at: int(masks[at].sum()))
    at = Slice(grid, plane, index)
    if masks[index].any():
        return prompt_of_mask(masks[index], value, at, kind)
    return _around(value, at, np.concatenate([xy for where, xy in drawn if where == index]))


def _around(value: int, at: Slice, xy: FloatArray) -> Box:
    """A box around vertices; what lies beyond the slice is cut off."""
    _, rows, columns = at.grid.plane_shape(at.plane)
    x0, y0 = (float(v) for v in np.clip(xy.min(axis=0), 0, [columns - 1, rows - 1]))
    x1, y1 = (float(v) for v in np.clip(xy.max(axis=0), 0, [columns - 1, rows - 1]))
    return Box(label=value, slice=at.index, plane=at.plane, box_xyxy=(x0, y0, x1, y1))


def _length_mm(xy: FloatArray, grid: Grid, plane: Plane) -> float:
    along_rows, along_columns = grid.in_plane_vectors_mm(plane).T
    dx, dy = xy[-1] - xy[0]
    return float(np.linalg.norm(dx * along_columns + dy * along_rows))
