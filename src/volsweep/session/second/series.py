"""A second series beside the one that is segmented, seen on its voxels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.intensity import Window, resolve_window
from volsweep.registration.beside import How, place_beside
from volsweep.registration.register import Registration
from volsweep.registration.resample import seen_on
from volsweep.volume import Volume

_LEAST_COMMON = 0.02
"""Of the first series' voxels: what shows less of them says nothing of them."""


@dataclass(frozen=True, eq=False)
class SecondSeries:
    """A second series of the same patient, such as the PET of a CT or the FLAIR of a T1.

    Parameters
    ----------
    original
        As it was read.
    registration
        From the first series to this one.
    window
        Through which the network looks at it.
    volume
        What it shows on the first series' voxels.
    imaged_zyx
        Which of these it shows at all; None where it shows them all.
    notes
        Whether both are one patient's, where that is not clear.
    """

    original: Volume
    registration: Registration
    window: Window
    volume: Volume
    imaged_zyx: NDArray[np.bool_] | None
    notes: tuple[str, ...] = ()

    @staticmethod
    def beside(
        first: Volume, second: Volume, *, window: Window | str | None = "auto", register: How | Registration = "auto"
    ) -> SecondSeries:
        """Lay a series over another one.

        Parameters
        ----------
        first
            The series that is segmented.
        second
            The other one.
        window
            As for `Session`, in the second's values.
        register
            ``"auto"`` registers it where it says that it is of another frame of reference, ``"never"``, ``"always"``;
            or the registration itself, from the first to the second.

        Raises
        ------
        InputError
            If it is the first itself, of another patient, or is to be registered and of another modality.
        GeometryError
            If it does not fit, or shows next to nothing of the first.
        """
        if second.grid.matches(first.grid) and np.array_equal(second.array_zyx, first.array_zyx):
            raise InputError("the second series is the one that is segmented; give another series of the patient")
        from volsweep.io.derived.subject import check_one_patient  # pydicom, which few sessions need

        notes = check_one_patient(first.source, second.source, ("the first series", "the second series"))
        registration = place_beside(first, second, register) if isinstance(register, str) else register
        seen, imaged = seen_on(second.array_zyx, second.grid, first.grid, registration.matrix)
        if imaged.mean() < _LEAST_COMMON:
            raise GeometryError(
                f"the second series shows {imaged.mean():.0%} of the first: they lie elsewhere in the patient; give "
                "two series of one part of the body, or register them"
            )
        look = resolve_window(second, window)
        volume = replace(second, array_zyx=seen, grid=first.grid, source=None, warnings=())
        return SecondSeries(second, registration, look, volume, None if imaged.all() else imaged, notes)

    @cached_property
    def key(self) -> str:
        """Sixteen characters that are the same for the same voxels, in the same place, through the same window."""
        # A window of whole numbers is the one that a file gives back.
        look = f"{float(self.window.center)!r} {float(self.window.width)!r}"
        said = f"{look} {np.round(self.registration.matrix, 9).tolist()} "
        said += f"{self.original.grid.affine.tolist()} {self.volume.grid.affine.tolist()} "
        return hashlib.blake2b((said + self.original.content_sha256).encode(), digest_size=8).hexdigest()

    def describe(self) -> str:
        """In a few words."""
        z, y, x = self.original.shape_zyx
        return f"{self.original.modality or 'volume'}, {z} slices of {x} × {y} ({self.registration.describe()})"


def used(
    done: Iterable[object], seconds: Mapping[str, SecondSeries], now: SecondSeries | None
) -> tuple[SecondSeries, ...]:
    """Of all second series that there were, by their keys, those that what was done needs, and the one of now."""
    keys = {getattr(getattr(action, "made_with", None), "second", None) for action in done}
    return tuple(one for key, one in seconds.items() if key in keys or one is now)
