"""Names that tell volumes apart: two folders called CT are two patients as often as not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari.layers import Layer

from volsweep.napari.canvas.layers import VOLUME_KEY
from volsweep.volume import Volume

_NAME_KEY = "volsweep_name"
"""Of an image: what it was called when it came, and what it is called since."""
_COUNTED = re.compile(r" \[\d+\]$")
"""What napari adds to a name that is taken."""


def tails(paths: Sequence[Path], least: int = 1) -> list[str]:
    """The last parts of each path, `least` of them or as few more as tell these apart."""
    different = len(set(paths))
    longest = max((len(path.parts) for path in paths), default=1)
    for count in range(least, max(least, longest) + 1):
        found = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(found)) == different:
            return found
    return [str(path) for path in paths]


def tell_apart(images: Iterable[Layer]) -> None:
    """Name volumes that would be called the same by the folders that they lie in; what a user named stays."""
    of_name: dict[str, list[tuple[Layer, Path]]] = {}
    for image in images:
        volume = image.metadata.get(VOLUME_KEY)
        if not isinstance(volume, Volume) or volume.source is None:
            continue
        came, now = image.metadata.get(_NAME_KEY, (_COUNTED.sub("", image.name), image.name))
        if now == image.name:
            of_name.setdefault(came, []).append((image, volume.source.path))
    for came, alike in of_name.items():
        folders = [path.absolute().parent for _, path in alike]
        if len(set(folders)) > 1:
            for (image, _), folder in zip(alike, tails(folders), strict=True):
                image.name = f"{came} · {folder}"
        for image, _ in alike:
            image.metadata[_NAME_KEY] = came, image.name
