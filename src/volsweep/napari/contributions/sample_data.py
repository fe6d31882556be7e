"""File > Open Sample: the phantoms that come with Volsweep."""

from __future__ import annotations

from typing import Any

from volsweep.cases.phantoms import sample
from volsweep.napari.contributions.reader import read


def ct_phantom() -> list[tuple[Any, dict[str, Any], str]]:
    """An abdomen with a liver metastasis."""
    return _load("ct_phantom")


def mr_phantom() -> list[tuple[Any, dict[str, Any], str]]:
    """A head with a ring-enhancing lesion."""
    return _load("mr_phantom")


def _load(name: str) -> list[tuple[Any, dict[str, Any], str]]:
    data, options, kind = read(str(sample(name).series))[0]
    return [(data, {**options, "name": name.replace("_", " ").replace("ct", "CT").replace("mr", "MR")}, kind)]
