"""Sizes that voxels can have: what lies beyond is a damaged header or a wrong unit, whatever the format."""

from __future__ import annotations

from collections.abc import Iterable

from volsweep.errors import GeometryError

_SMALLEST_MM, _LARGEST_MM = 1e-4, 1e3
"""From a tenth of a micrometre, finer than any microscope, to a metre."""


def is_voxel_size(size_mm: float) -> bool:
    """Whether a voxel can be that large."""
    return _SMALLEST_MM <= size_mm <= _LARGEST_MM  # false for what is no number, too


def check_voxel_sizes(sizes_mm: Iterable[float], name: str) -> None:
    """Refuse voxel sizes that nothing has.

    Raises
    ------
    GeometryError
        If a size is no number, 0, negative, or as large as no voxel is; volumes in mL would be made of it.
    """
    sizes = [float(size) for size in sizes_mm]
    if not all(map(is_voxel_size, sizes)):
        told = " x ".join(f"{size:g}" for size in sizes)
        raise GeometryError(
            f"{name} has voxel sizes (spacing) of {told} mm, which no voxel has; its header is damaged or in another "
            "unit: write it again with the right ones"
        )
