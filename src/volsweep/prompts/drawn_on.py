"""Which volume prompts were drawn on, and how they are placed on another one of the same patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from volsweep.errors import GeometryError, PromptError
from volsweep.geometry import FloatArray, Grid, Plane
from volsweep.prompts.kinds import Mask, Prompt
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
                "(--prompts-anyway, anyway=True)"
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
    fields = prompt.model_dump(exclude={prompt.xy_field, "slice"})
    if isinstance(prompt, Mask):
        return _moved_mask(prompt, here, there)
    yx = prompt.points_xy()[:, ::-1]
    points_mm = here.to_lps_mm(np.insert(yx, here.plane_axis(prompt.plane), prompt.slice, axis=1))
    index, xy = on_slice(points_mm, there, prompt.plane)
    return type(prompt).from_vertices_xy(xy, slice=index, **fields)


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
