"""A job's second series: read, placed beside the first, and prompts that were drawn on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from volsweep.errors import GeometryError, PromptError
from volsweep.geometry import Grid
from volsweep.io import read_volume
from volsweep.io.writing import check_spares
from volsweep.job.job import Job
from volsweep.prompts.drawn_on import moved, moved_extent
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.source import read_prompt_source
from volsweep.session.second.series import SecondSeries
from volsweep.volume import Volume


def second_of(job: Job, first: Volume) -> SecondSeries:
    """The series that a job names beside the first; it does name one.

    Raises
    ------
    InputError, GeometryError
        If it cannot be read, is the first itself, or lies elsewhere.
    OutputError
        If the labels would be written over a slice of it.
    """
    assert job.second is not None
    second = read_volume(job.second, series=job.second_uid)
    check_spares([job.output], second.source)
    return SecondSeries.beside(first, second, window=job.second_window, register=job.register)


def notes_of(second: SecondSeries) -> tuple[str, ...]:
    """What someone who reads the result should know of it."""
    told = [f"the network looked at two series and fused what it saw; the second is {second.describe()}"]
    if second.imaged_zyx is not None:
        told.append(
            f"the second series shows {second.imaged_zyx.mean():.0%} of the first; the rest is the first's alone"
        )
    return (*told, *second.notes, *second.original.warnings)


def row_of(second: SecondSeries) -> dict[str, Any]:
    """What it was, for a report."""
    original, look = second.original, second.window
    found = second.registration.to_dict()
    return {
        "path": None if original.source is None else str(original.source.path),
        "series_uid": None if original.source is None else original.source.asked_as,
        "modality": original.modality,
        "shape_zyx": list(original.shape_zyx),
        "window": {"width": look.width, "level": look.center, "name": look.name},
        "placed": found.pop("kind"),
        **found,
        "key": second.key,
    }


def prompts_on_either(
    path: str | os.PathLike[str], first: Volume, second: SecondSeries, options: Mapping[str, Any]
) -> PromptSet:
    """The prompts of a file that was drawn on the first series or on the second, on the first's voxels.

    Parameters
    ----------
    path
        The file.
    first, second
        The series.
    options
        Of `read_prompt_source`; slices are the first's.

    Raises
    ------
    VolsweepError
        As `read_prompt_source` of the first series, where it was drawn on neither.
    """
    try:
        return read_prompt_source(path, first, **options)
    except (GeometryError, PromptError) as error:
        try:
            drawn = read_prompt_source(path, second.original, **{**options, "slices": None})
        except (GeometryError, PromptError):
            raise error from None
        # The first's voxels, where the second's millimetres have them.
        grid, matrix = first.grid, second.registration.matrix
        origins = grid.slice_origins_mm
        if origins is not None:
            origins = origins @ matrix[:3, :3].T + matrix[:3, 3]
        there, here = Grid(grid.shape_zyx, matrix @ grid.affine, origins), second.original.grid
        return replace(
            drawn,
            prompts=tuple(moved(prompt, here, there) for prompt in drawn.prompts),
            extents=tuple(moved_extent(extent, here, there) for extent in drawn.extents),
            notes=(*drawn.notes, f"the prompts of {os.fspath(path)} were drawn on the second series"),
        )
