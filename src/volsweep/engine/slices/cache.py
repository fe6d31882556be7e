"""Keep what is used, within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from volsweep.engine.network.features import Features


class Measured(Protocol):
    """Something that knows how much memory it holds."""

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""


Item = TypeVar("Item", bound=Measured)


class ByteCache(Generic[Item]):
    """Least recently used items first out, bounded in bytes and in number.

    Parameters
    ----------
    max_bytes
        What it may hold; a single item larger than this is not kept.
    max_items
        How many items, if that is bounded, too.
    """

    def __init__(self, max_bytes: int, max_items: int | None = None) -> None:
        self.max_bytes = max_bytes
        self.max_items = max_items
        self.nbytes = 0
        self._items: OrderedDict[Hashable, Item] = OrderedDict()

    def get(self, key: Hashable) -> Item | None:
        """What is kept under a key, now the most recently used."""
        found = self._items.get(key)
        if found is not None:
            self._items.move_to_end(key)
        return found

    def put(self, key: Hashable, item: Item) -> None:
        """Keep an item under a key, dropping the least recently used to make room."""
        if key in self._items:
            self.nbytes -= self._items.pop(key).nbytes
        self._items[key] = item
        self.nbytes += item.nbytes
        while self.nbytes > self.max_bytes or (self.max_items is not None and len(self) > self.max_items):
            _, dropped = self._items.popitem(last=False)
            self.nbytes -= dropped.nbytes

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._items)


class FeatureCache(ByteCache[Features]):
    """Features by view, slice and crop."""
