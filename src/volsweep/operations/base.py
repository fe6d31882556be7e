"""What an operation is: it says how far it looks, which objects it looks at, and what becomes of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from volsweep.geometry import Grid
from volsweep.volume import Volume


@dataclass(frozen=True)
class Scene:
    """A block of a volume, and the objects in it that an operation looks at.

    Parameters
    ----------
    mask_zyx
        The object.
    others_zyx
        Those that the operation names, by label.
    volume
        The image in the block.
    start_zyx
        Where the block begins in the array.
    """

    mask_zyx: NDArray[np.bool_]
    others_zyx: Mapping[int, NDArray[np.bool_]]
    volume: Volume
    start_zyx: tuple[int, int, int]

    @property
    def grid(self) -> Grid:
        """Of the block."""
        return self.volume.grid


class AnyOperation(BaseModel, ABC):
    """What all share: they say how far they look, which objects they look at, and what becomes of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    doing: ClassVar[str] = ""
    """What is done, for whoever waits."""

    @property
    def others(self) -> tuple[int, ...]:
        """Other labels that it looks at, and whose voxels it may take."""
        return ()

    def margin_zyx(self, grid: Grid) -> tuple[int, int, int]:  # noqa: ARG002
        """How far it looks beyond the objects, in voxels."""
        return 1, 1, 1

    @abstractmethod
    def apply(self, scene: Scene) -> Sequence[NDArray[np.bool_]]:
        """What becomes of the object; then, objects that are split off."""
