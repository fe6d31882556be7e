"""What a session asks of whatever makes its masks: a network here, one on a server, or one on each of two series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.sweep.plan import SweepOptions, Tracked
from volsweep.geometry import Plane
from volsweep.masks import SliceMask
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Prompt


class AnyEngine(Protocol):
    """A network on one volume, seen through one window; the same prompts always lead to the same masks."""

    @property
    def visited(self) -> int:
        """Slices tracked since it was loaded; what was answered from memory does not count."""

    def preview(
        self, by_slice: Mapping[int, tuple[Prompt, ...]], index: int, extent: Extent | None = None
    ) -> SliceMask:
        """Mask of one prompted slice of an object, made once for all that it depends on.

        Parameters
        ----------
        by_slice
            All the object's prompts along a plane: slice -> prompts in order, slices in the order they were first
            prompted.
        index
            The slice.
        extent
            How far the object reaches along the plane, where that is told.
        """

    def sweep(
        self,
        plane: Plane,
        prompts: Mapping[int, Mapping[int, tuple[Prompt, ...]]],
        options: SweepOptions,
        extents: Mapping[int, Extent] | None = None,
        held_zyx: NDArray[np.bool_] | None = None,
    ) -> Iterator[Tracked]:
        """Follow objects through the slices of a plane.

        Parameters
        ----------
        plane
            Along whose slices.
        prompts
            Label -> prompted slice -> its prompts, in order.
        options
            How far and how finely.
        extents
            Label -> how far it reaches, where that is told.
        held_zyx
            The volume's voxels that other objects hold, whatever is found there.
        """

    def get_ready(self) -> None:
        """Do what the next click at the latest mask would wait for, while its reader looks at that."""

    def encode(self, plane: Plane, index: int) -> int:
        """Encode a slice before anybody prompts it; the bytes that it takes here, 0 where nothing can be encoded."""

    def release(self) -> None:
        """Let go of what was encoded, which is encoded again when it is needed; masks found are kept."""

    def describe(self) -> dict[str, str | int]:
        """Device, precision, threads and image size, for a report."""
