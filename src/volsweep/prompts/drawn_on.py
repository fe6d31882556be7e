"""Which volume prompts were drawn on, and how they are placed on another one of the same patient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from volsweep.errors import GeometryError, PromptError
from volsweep.geometry import FloatArray, Grid, Plane
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Prompt
from volsweep.prompts.mask import Mask
from volsweep.volume import Source, Volume

if TYPE_CHECKING:
    from volsweep.io.placement import Place

_SAME_SLICE = 0.5
"""In slices: how far the points of one prompt may lie from its slice."""
_ON_A_VOXEL = 0.05
"""In voxels: how far those of a mask may lie from voxels of the other grid."""
_Row = Annotated[list[float], Field(min_length=4, max_length=4)]


class DrawnOn(BaseModel):
    """The series and the grid that prompts count the voxels of; nothing of the patient."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    series_uid: str | None = None
    frame_of_reference_uid: str | None = None
    shape_zyx: tuple[int, int, int]
    affine: Annotated[list[_Row], Field(min_length=4, max_length=4)]
    slice_origins_mm: list[tuple[float, float, float]] | None = None

    @classmethod
    def of(cls, where: Volume | Place | Grid) -> Self:
        """Tell of a volume."""
        grid, source = grid_and_source(where)
        origins: Any = None if grid.slice_origins_mm is None else grid.slice_origins_mm.tolist()
        return cls(
            series_uid=source.series_uid if source else None,
            frame_of_reference_uid=source.frame_of_reference_uid if source else None,
            shape_zyx=grid.shape_zyx,
            affine=grid.affine.tolist(),
            slice_origins_mm=origins,
        )

    @property
    def grid(self) -> Grid:
        """Its grid.

        Raises
        ------
        PromptError
            If there is no such grid.
        """
        origins = None if self.slice_origins_mm is None else np.array(self.slice_origins_mm)
        try:
            return Grid(self.shape_zyx, np.array(self.affine), origins)
        except GeometryError as error:
            raise PromptError(f"the volume that the prompts were drawn on cannot be: {error}") from None

    def check_same_patient(self, source: Source | None) -> None:
        """Refuse a series of which nothing says that it shares the patient's position with this one.

        What does not say who it is, such as a NIfTI file, is given the benefit of the doubt.

        Raises
        ------
        PromptError
            Naming both series.
        """
        frames = self.frame_of_reference_uid, source.frame_of_reference_uid if source else None
        uids = self.series_uid, source.series_uid if source else None
        known = frames if all(frames) else uids
        same = not all(known) or known[0] == known[1]
        if not same:
            raise PromptError(
                f"the prompts were drawn on another volume, series {uids[0]}, and this one is series {uids[1]} with "
                "another frame of reference; give the volume they were drawn on, or take them as they are "
                "(anyway=True)"
            )


def grid_and_source(where: Volume | Place | Grid) -> tuple[Grid, Source | None]:
    """Take apart what says where voxels lie."""
    return (where, None) if isinstance(where, Grid) else (where.grid, where.source)


def moved(prompt: Prompt, here: Grid, there: Grid) -> Prompt:
    """The same prompt on another grid, by millimetres.

    Raises
    ------
    PromptError
        If it would run through several slices there, or the voxels of a mask are no voxels there.
    """
    if isinstance(prompt, Mask):
        return _moved_mask(prompt, here, there)
    prompt = prompt.in_mm(here)
    fields = prompt.model_dump(exclude={prompt.xy_field, "slice"})
    yx = prompt.points_xy()[:, ::-1]
    points_mm = here.to_lps_mm(np.insert(yx, here.plane_axis(prompt.plane), prompt.slice, axis=1))
    index, xy = on_slice(points_mm, there, prompt.plane)
    return type(prompt).from_vertices_xy(xy, slice=index, **fields)


def moved_extent(extent: Extent, here: Grid, there: Grid) -> Extent:
    """The same extent on another grid, by millimetres.

    Raises
    ------
    PromptError
        If an end lies outside it.
    """
    return placed_extent(extent.label, extent.plane, ends_lps_mm(extent, here), there)


def ends_lps_mm(extent: Extent, grid: Grid) -> tuple[FloatArray | None, FloatArray | None]:
    """The middles of an extent's slices, (3,) in LPS mm, each where it is told.

    The first one lies towards the patient's right, front or feet: grids count slices either way.
    """
    middle = (np.array(grid.shape_zyx, dtype=np.float64) - 1) / 2
    found: list[FloatArray | None] = []
    for end in extent.ends:
        middle[grid.plane_axis(extent.plane)] = np.nan if end is None else end
        found.append(None if end is None else np.asarray(grid.to_lps_mm(middle[None])[0]))
    first, last = found
    return (first, last) if _counts_up(grid, extent.plane) else (last, first)


def placed_extent(
    label: int, plane: Plane, low_high_mm: tuple[FloatArray | None, FloatArray | None], grid: Grid
) -> Extent:
    """The extent that ends on the slices nearest to points, as `ends_lps_mm` gives them.

    Raises
    ------
    PromptError
        If a point lies beyond the slices.
    """
    axis, ends = grid.plane_axis(plane), low_high_mm if _counts_up(grid, plane) else low_high_mm[::-1]
    found: list[int | None] = []
    for end_mm in ends:
        at = None if end_mm is None else grid.to_index_zyx(end_mm[None])[0]
        nearest = None if at is None else round(float(at[axis]))
        if at is not None and nearest is not None:
            # Where slices are unevenly spaced, indices end with the stack, and what lies beyond seems to be in it.
            beside_mm = float(np.linalg.norm(grid.to_lps_mm(at[None])[0] - end_mm))
            if not 0 <= nearest < grid.shape_zyx[axis] or beside_mm > grid.spacing_zyx_mm[axis]:
                raise PromptError(f"the extent of label {label} ends beyond the {plane} slices of this volume")
        found.append(nearest)
    return Extent(label=label, plane=plane, first=found[0], last=found[1])


def _counts_up(grid: Grid, plane: Plane) -> bool:
    """Whether the slices of a plane are counted towards the patient's left, back or head."""
    along = grid.affine[:3, grid.plane_axis(plane)]
    return bool(along[np.abs(along).argmax()] > 0)


@contextmanager
def told_elsewhere(drawn_on: Grid | None) -> Iterator[None]:
    """Whatever has no place on this grid is told as drawn on another one, where it was: None if on this one.

    Raises
    ------
    PromptError
        In place of the one that was raised.
    """
    try:
        yield
    except (PromptError, ValidationError) as error:  # the latter of a slice before the first
        if drawn_on is None:
            raise
        why = error if isinstance(error, PromptError) else "it lies before its first slice"
        size = " x ".join(map(str, drawn_on.shape_zyx))
        raise PromptError(
            f"drawn on another volume ({size} voxels), it has no place in this one: {why}; give the volume it was "
            "drawn on, or take its voxels as they are (anyway=True)"
        ) from error


def on_slice(points_mm: FloatArray, grid: Grid, plane: Plane) -> tuple[int, FloatArray]:
    """The slice that points (n, 3) in LPS mm lie on, and where, (n, 2) as (x, y).

    Raises
    ------
    PromptError
        If they lie on different slices.
    """
    axis = grid.plane_axis(plane)
    index = grid.to_index_zyx(points_mm)
    along = index[:, axis]
    if np.abs(along - along.mean()).max() > _SAME_SLICE:
        raise PromptError(
            f"the points lie on different {plane} slices ({', '.join(f'{v:.2f}' for v in along)}); "
            "a prompt is about one slice"
        )
    return round(float(along.mean())), np.delete(index, axis, axis=1)[:, ::-1]


def _moved_mask(mask: Mask, here: Grid, there: Grid) -> Mask:
    """Voxel on voxel, as where rows are counted from the other end; nothing is resampled."""
    axis_here, axis = here.plane_axis(mask.plane), there.plane_axis(mask.plane)
    _, rows, columns = there.plane_shape(mask.plane)
    yx = np.argwhere(mask.to_array())
    if not len(yx):
        yx = np.array([[0, 0]])
    points = here.to_lps_mm(np.insert(yx, axis_here, mask.slice, axis=1))
    exact = there.to_index_zyx(points)
    at = np.rint(exact).astype(np.intp)
    where = np.delete(at, axis, axis=1)
    inside = ((where >= 0) & (where < (rows, columns))).all()
    if np.abs(exact - at).max() > _ON_A_VOXEL or len(set(at[:, axis].tolist())) > 1 or not inside:
        raise PromptError(
            f"a mask prompt on {mask.plane} slice {mask.slice} does not lie on the voxels of this volume; masks are "
            "tied to voxels: give the volume it was drawn on"
        )
    out = np.zeros((rows, columns), dtype=bool)
    if mask.extent_xyxy() is not None:
        out[tuple(where.T)] = True
    return Mask.from_array(out, label=mask.label, slice=int(at[0, axis]), plane=mask.plane, verbatim=mask.verbatim)
