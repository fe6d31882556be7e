"""What several readers drew as one: by majority, or by STAPLE, which weighs readers by how well they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import InputError
from volsweep.io.overlaps import LabelledObject, Objects
from volsweep.terminology import groups_of

Rule = Literal["majority", "staple"]


def consensus_of(drawn: Mapping[str, Objects], rule: Rule = "majority") -> Objects:
    """One set of objects from those of several readers, which lie on one grid.

    Parameters
    ----------
    drawn
        By reader. What is one object, `volsweep.terminology.pairs_of` says: "left parotid" is "Glandula parotis
        sinistra"; those without a name of their own go by number.
    rule
        ``"majority"``: voxels that more than half of the readers drew. ``"staple"``: those that STAPLE (Warfield
        2004, in SimpleITK) gives more than half.

    Raises
    ------
    InputError
        If fewer than two readers drew anything, or their grids differ.
    """
    readers = list(drawn.values())
    if len(readers) < 2:
        raise InputError(f"a consensus needs two readers or more, and {len(readers)} accepted this case")
    grid = readers[0].grid
    if not all(one.grid.matches(grid) for one in readers):
        raise InputError("the readers' labels lie on different grids; name their series")
    found = []
    for value, own in groups_of([each.labels for each in readers]).items():
        nothing = np.zeros(grid.shape_zyx, dtype=bool)
        masks = [each.mask_zyx(own[place]) if place in own else nothing for place, each in enumerate(readers)]
        agreed = _majority(masks) if rule == "majority" else _staple(masks)
        first = next(iter(own))
        one = LabelledObject(value, readers[first].labels[own[first]])
        for index, mask_yx in enumerate(agreed):
            one.add(index, mask_yx)
        found.append(one)
    return Objects(grid, found, readers[0].source)


def _majority(masks: list[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.asarray(np.sum(masks, axis=0) * 2 > len(masks))


def _staple(masks: list[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Within the block that anybody drew in: elsewhere all agree, and STAPLE counts agreed background as skill."""
    import SimpleITK

    anyone: NDArray[np.bool_] = np.any(masks, axis=0)
    out = np.zeros_like(anyone)
    if not anyone.any():
        return out
    spans = [np.flatnonzero(anyone.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    block = tuple(slice(max(int(s[0]) - 1, 0), int(s[-1]) + 2) for s in spans)
    images = [SimpleITK.GetImageFromArray(mask[block].astype(np.uint8)) for mask in masks]
    likely = np.asarray(SimpleITK.GetArrayFromImage(SimpleITK.STAPLE(images, 1.0)))
    out[block] = likely > 0.5
    return out
