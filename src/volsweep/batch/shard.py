"""A part of a manifest for one process among many that know nothing of each other; and all parts put together.

Nobody listens on a port and nobody counts: each row belongs to one part by its place in the manifest. All parts write
into one folder, a folder a series; the summary is written when they are merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from volsweep.errors import BatchError

LOCK = ".lock"
_WAIT_S = 20.0
"""For another part that looks, for a moment, whether the folder is free."""


@dataclass(frozen=True)
class Shard:
    """One part of so many.

    Parameters
    ----------
    number, count
        Which, from 1, and of how many.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise BatchError(f"shard {self.number} of {self.count} is none; they go from 1 to {self.count}")

    @staticmethod
    def parse(text: str) -> Shard:
        """Read ``I/N``, such as ``2/4``.

        Raises
        ------
        BatchError
            If it is not of that form, or there is no such part.
        """
        found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
        if found is None:
            raise BatchError(f"{text!r} is not of the form I/N, such as 2/4: the second of four parts")
        return Shard(int(found[1]), int(found[2]))

    def holds(self, place: int) -> bool:
        """Whether the row at a place of the manifest, from 0, is in it."""
        return place % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"


@contextmanager
def claimed(output: Path, shard: Shard | None) -> Iterator[None]:
    """Hold a folder of results: all of it, or one part of it beside other parts.

    Raises
    ------
    BatchError
        If someone else holds it.
    """
    own = FileLock(output / (LOCK if shard is None else f"{LOCK}-{shard}"), timeout=0, mode=0o600)
    try:
        with own:
            if shard is None:
                for other in sorted(output.glob(f"{LOCK}-*")):
                    _look(FileLock(other, timeout=0, mode=0o600))
            else:
                _look(FileLock(output / LOCK, timeout=_WAIT_S, mode=0o600))
                _check_counts(output, shard)
            yield
    except Timeout:
        raise BatchError(f"another run is writing to {output}; wait for it, or name another folder") from None


def _look(lock: FileLock) -> None:
    with lock:
        pass


def _check_counts(output: Path, shard: Shard) -> None:
    """Refuse to divide by another number than parts that are being run: rows would be run twice, or never."""
    for other in output.glob(f"{LOCK}-*-of-*"):
        if not other.name.endswith(f"-of-{shard.count}"):
            try:
                _look(FileLock(other, timeout=0, mode=0o600))
            except Timeout:
                raise BatchError(
                    f"{output} is being written to in parts of another number ({other.name.removeprefix(LOCK + '-')}); "
                    "wait for them, or divide by that number as well"
                ) from None
