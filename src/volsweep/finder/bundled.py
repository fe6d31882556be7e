"""The finder that comes with Volsweep: seven organs of the head and neck in CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from volsweep.errors import ModelError, PromptError, why_failed
from volsweep.finder.heat import Heat, heat_of, on_voxels
from volsweep.finder.known import index_of
from volsweep.finder.net import FinderNet
from volsweep.finder.proposals import Found, Outline, Proposal, proposal_of
from volsweep.intensity import in_hounsfield
from volsweep.models import ModelSpec, verify
from volsweep.models.find import read_architecture
from volsweep.models.registry import FINDER
from volsweep.prompts.extent import Region
from volsweep.terminology import understood
from volsweep.volume import Volume

_LIKELY = 0.5
"""Probability from which a point is part of an organ."""
_POSSIBLE = 0.35
"""Probability from which a sweep may find it there (`benchmarks/text.py`)."""
_FEWEST = 8
"""Points of the lattice that are a place at all."""


@dataclass(frozen=True)
class KnownName:
    """Something that the network finds.

    Parameters
    ----------
    name
        What it is called.
    usual_ml
        Its usual volume.
    least
        The score below which it is not there: more than any volume without it has (`benchmarks/text.py --absent`).
    open_ended
        Whether it was learnt from outlines that end somewhere along it.
    outline
        Where the network's own outline is better than a sweep from its box: the DSC that it has on a slice, over what
        its probabilities promise (`benchmarks/text.py`). None where the box is swept.
    """

    name: str
    usual_ml: float
    least: float
    open_ended: bool = False
    outline: float | None = None


class BundledFinder:
    """The bundled network as a `Finder`.

    Parameters
    ----------
    spec
        Another network of the same kind: its yaml, and its weights.
    """

    def __init__(self, spec: ModelSpec = FINDER) -> None:
        self.name = spec.id
        self.net, self.step_mm, self.known = _loaded(spec)
        unknown = next((one.name for one in self.known if understood(one.name) is None), None)
        if unknown is not None:
            raise ModelError(f"{spec.config_path.name}: {unknown!r} is no name that Volsweep knows")

    def find(self, volume: Volume, words: Sequence[str]) -> tuple[Proposal, ...]:
        """Where the organs with these names lie.

        Raises
        ------
        PromptError
            If a name is not known, or nothing of that name is found in the volume.
        """
        known = [one.name for one in self.known]
        names = [index_of(text, known) for text in words]
        if not in_hounsfield(volume):
            other = volume.modality if volume.modality not in ("", "CT") else "an image without Hounsfield units"
            raise PromptError(
                f"the finder was trained on CT in Hounsfield units alone, and this is {other}; draw a box"
            )
        heat = heat_of(self.net, volume, self.step_mm, names)
        out = []
        for text, index, of_name in zip(words, names, heat.maps, strict=True):
            one = self.known[index]
            place = self._place(one, of_name, heat, volume)
            if place is None or place.score < one.least:
                score = 0.0 if place is None else place.score
                raise PromptError(
                    f"no {one.name} is found in this volume (score {score:.2f}, and {one.least:.2f} is the least that "
                    "counts): it may lie outside, or look like nothing that the finder was trained on; draw a box"
                )
            low_zyx = z, y, x = place.low.tolist()
            within, drawn = Region.from_array(place.likely > _POSSIBLE, low_zyx), None
            if one.outline is not None:
                drawn = Outline(place.mask, place.likely, (z, y, x), one.outline)
            found = Found(text, one.name, place.score, self.name, one.open_ended, within, drawn)
            out.append(proposal_of(place.mask, low_zyx, volume.grid, found))
        return tuple(out)

    def _place(self, one: KnownName, likely: NDArray[np.float32], heat: Heat, volume: Volume) -> _Place | None:
        """The largest place that is likely, on the volume's own voxels."""
        part = _largest(likely > _LIKELY, _FEWEST)
        if part is None:
            return None
        # Heat that is no organ is small: an expected volume tells better than any probability.
        expected_ml = float(likely[part].sum()) * heat.lattice.step_mm**3 / 1000
        score = min(expected_ml / one.usual_ml, 1.0)
        low, likely_zyx = on_voxels(part, likely, heat.lattice, volume.grid)
        mask = _largest(likely_zyx > _LIKELY, 1)
        return None if mask is None else _Place(score, low, mask, likely_zyx)


@dataclass(frozen=True, eq=False)
class _Place:
    """Voxels that are the organ, from the voxel `low` on, how sure that is, and how likely each of them is."""

    score: float
    low: NDArray[np.int_]
    mask: NDArray[np.bool_]
    likely: NDArray[np.float32]


def _largest(mask: NDArray[np.bool_], fewest: int) -> NDArray[np.bool_] | None:
    """The largest connected part; None where there is none of that many points."""
    from scipy import ndimage

    parts, count = ndimage.label(mask)
    sizes = np.bincount(parts.reshape(-1), minlength=2)[1:]
    if not count or sizes.max() < fewest:
        return None
    return np.asarray(parts == int(sizes.argmax()) + 1)


@cache
def _loaded(spec: ModelSpec) -> tuple[FinderNet, float, tuple[KnownName, ...]]:
    """A network, how far apart its points are, and what it finds.

    Raises
    ------
    ModelError
        If its yaml or its weights are not a finder's.
    """
    described = read_architecture(spec.config_path).get("finder")
    try:
        step_mm, widths, known = _described(described)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{spec.config_path} is no finder's yaml: {error}") from None
    net = FinderNet(len(known), widths)
    path = verify(spec).path
    try:
        net.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()}, strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelError(f"{path} is not the finder's weights: {why_failed(error)}") from None
    return net.eval(), step_mm, known


def _described(finder: Any) -> tuple[float, tuple[int, ...], tuple[KnownName, ...]]:
    widths = tuple(int(width) for width in finder["widths"])
    if not (2 <= len(widths) <= 6 and all(8 <= width <= 256 and width % 8 == 0 for width in widths)):
        raise ValueError(f"widths {widths} are not two to six multiples of 8 up to 256")
    step_mm = float(finder["step_mm"])
    if not 1 <= step_mm <= 20:
        raise ValueError(f"step_mm {step_mm:g} is not between 1 and 20")
    known = [
        KnownName(
            str(one["name"]),
            float(one["usual_ml"]),
            float(one["least"]),
            bool(one.get("open_ended", False)),
            float(one["outline"]) if "outline" in one else None,
        )
        for one in finder["names"]
    ]
    if any(one.usual_ml <= 0 for one in known):
        raise ValueError("usual_ml is not above 0")
    if any(one.outline is not None and not 0 < one.outline <= 1 for one in known):
        raise ValueError("outline is a share above 0, up to 1")
    return step_mm, widths, tuple(known)
