"""What all prompts share: the label they are about, where, and what is asked of every kind."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from volsweep.errors import PromptError, why_invalid
from volsweep.geometry import BoxXYXY, FloatArray, Grid, Plane
from volsweep.volume import MAX_LABEL

T = TypeVar("T", bound=BaseModel)
Finite = Annotated[float, Field(allow_inf_nan=False)]


def check_corners(box_xyxy: BoxXYXY) -> None:
    """Refuse a box whose last corner lies before its first."""
    x0, y0, x1, y1 = box_xyxy
    if x1 < x0 or y1 < y0:
        raise ValueError(f"a box is (x0, y0, x1, y1) with x0 <= x1 and y0 <= y1, not {box_xyxy}")


def checked(kind: type[T], **fields: Any) -> T:
    """Make a prompt or an action.

    Raises
    ------
    PromptError
        If a field is not what the kind asks for; it is named, with its value.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        raise PromptError(f"{kind.__name__.lower()}: {why_invalid(error)}") from error


class OnSlice(BaseModel):
    """What all prompts share: the label they are about, where, and what is asked of every kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    xy_field: ClassVar[str] = ""
    """The field that holds its coordinates, x before y; empty for a mask."""
    is_click: ClassVar[bool] = False
    """Whether it corrects the mask that a slice shows already, rather than drawing an object."""
    is_painted: ClassVar[bool] = False
    """Whether it is voxels rather than a few coordinates."""

    label: Annotated[int, Field(ge=1, le=MAX_LABEL)]
    plane: Plane = Plane.AXIAL
    slice: Annotated[int, Field(ge=0)]

    @classmethod
    def from_numbers(cls, numbers: ArrayLike, **where: Any) -> Self:
        """Make it from its coordinates, x before y; `where` are its other fields.

        Raises
        ------
        ValidationError
            If they are not what the kind asks for.
        """
        return cls.model_validate({**where, cls.xy_field: tuple(float(v) for v in np.ravel(numbers))})

    def points_xy(self) -> FloatArray:
        """The coordinates that were given, (n, 2): a point, two corners, two ends; none of a mask."""
        return np.reshape(np.asarray(getattr(self, self.xy_field), dtype=np.float64), (-1, 2))

    def vertices_xy(self) -> FloatArray:
        """The coordinates to draw it with, (n, 2): a point, four corners, two ends; none of a mask."""
        return self.points_xy()

    def check_on(self, grid: Grid) -> None:
        """Refuse a prompt that lies outside a volume.

        Raises
        ------
        PromptError
            Naming the coordinate and the range it must be in.
        """
        slices, rows, columns = grid.plane_shape(self.plane)
        if not 0 <= self.slice < slices:
            raise PromptError(
                f"slice {self.slice} is outside the volume: {self.plane} slices go from 0 to {slices - 1}"
            )
        self._check_on_slice((rows, columns))

    def _check_on_slice(self, shape_yx: tuple[int, int]) -> None:
        rows, columns = shape_yx
        for x, y in self.points_xy().tolist():
            # Half a voxel of grace: the edge voxels' outer edges are still inside the volume.
            if not (-0.5 <= x <= columns - 0.5 and -0.5 <= y <= rows - 0.5):
                raise PromptError(
                    f"{type(self).__name__.lower()} at ({x:g}, {y:g}) is outside the {self.plane} slice: "
                    f"x goes from 0 to {columns - 1}, y from 0 to {rows - 1}"
                )

    @property
    def is_there(self) -> bool:
        """Whether it says that the object is on its slice."""
        return True

    def in_mm(self, grid: Grid) -> Self:  # noqa: ARG002
        """The same with all lengths that it has, beside places, in millimetres."""
        return self

    def replaces(self, other: OnSlice) -> bool:  # noqa: ARG002
        """Whether it takes the place of a prompt that was given before it for the same label on the same slice."""
        return False
