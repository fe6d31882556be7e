"""Names instead of boxes: what a finder proposes, and the action by which a reader accepts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import count
from typing import Any

from volsweep.finder import BundledFinder, Finder, finder_named
from volsweep.geometry import Plane
from volsweep.models.find import read_architecture
from volsweep.models.registry import FINDER
from volsweep.prompts.base import checked
from volsweep.serve.options import Options
from volsweep.session.actions import EditLabel, LoadPrompts, SetExtent
from volsweep.settings import is_address
from volsweep.volume import Volume

MakeFinder = Callable[[], Finder]


@cache
def findable() -> tuple[str, ...]:
    """Names of what the bundled finder finds, without loading it."""
    return tuple(str(one["name"]) for one in read_architecture(FINDER.config_path)["finder"]["names"])


def finder_of(options: Options) -> MakeFinder:
    """What makes the finder that a server was told to ask, once, when somebody first looks for something."""
    return cache(partial(finder_named, options.finder, may_send=options.send_voxels))


def about_finder(options: Options) -> dict[str, Any]:
    """For whoever types a name: what is surely known, and where the volume's voxels go; None where they stay here."""
    chosen = options.finder
    return {
        "finds": findable() if chosen in (None, FINDER.id) else (),
        "voxels_go_to": chosen if chosen is not None and is_address(chosen) else None,
    }


def propose(
    words: Sequence[str], volume: Volume, plane: Plane, taken: Sequence[int], make: MakeFinder = BundledFinder
) -> list[dict[str, Any]]:
    """What a finder says of names; nothing is drawn before a reader accepts it.

    Parameters
    ----------
    words
        The names.
    volume, plane
        Where they are looked for, and whose slices are to be prompted.
    taken
        Labels that are in use.
    make
        Makes the finder.

    Returns
    -------
    list of dict
        One for each name: what was understood, score, slice, box, and `action`, which makes prompts of it.

    Raises
    ------
    PromptError
        If a name is not known, with those that come nearest, or is not found.
    """
    free = (value for value in count(1) if value not in taken)
    told, grid = [], volume.grid
    for proposed, label in zip(make().find(volume, [one.strip() for one in words]), free, strict=False):
        found = replace(proposed, outline=None)  # the page shows boxes, which are moved before they are accepted
        said = found.prompts(plane, grid, label)
        named = said.labels[label]
        extents = tuple(checked(SetExtent, extent=extent) for extent in said.extents)
        action = checked(
            LoadPrompts,
            prompts=said.prompts,
            labels=(checked(EditLabel, label=label, name=named.name, color=named.color),),
            extents=extents,
            words=dict(said.words),
        )
        told.append({**found.to_dict(plane, grid, label), "action": action.model_dump(mode="json", exclude_none=True)})
    return told
