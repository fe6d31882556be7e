"""The network as it looks now, and as it looked when masks that are shown were made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from volsweep.session.actions import MadeWith

if TYPE_CHECKING:
    from volsweep.engine.engine import Engine

_MOST = 4
"""Kept at once; each holds features and masks up to its own bounds."""


class Engines:
    """Engines by what they look through; the ones used last are kept.

    Parameters
    ----------
    load
        Makes one.
    """

    def __init__(self, load: Callable[[MadeWith], Engine]) -> None:
        self._load = load
        self._kept: dict[tuple[MadeWith, str], Engine] = {}

    def of(self, made_with: MadeWith, device: str) -> Engine:
        """The engine that looks through this, on a device."""
        key = (made_with, device)
        engine = self._kept.pop(key, None) or self._load(made_with)
        self._kept[key] = engine
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
        return engine

    def clear(self) -> None:
        """Let go of all."""
        self._kept.clear()
