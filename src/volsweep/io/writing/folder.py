"""Folders of results that appear whole or not at all."""

from __future__ import annotations

import shutil
import uuid
from glob import escape
from pathlib import Path

from volsweep.errors import OutputError

_PRIVATE = 0o700
"""Mode of new folders: read by nobody but who made them."""


class WholeFolder:
    """A folder that appears whole or not at all.

    Everything is written to `temporary`, beside it; `publish` puts that in its place, instead of an
    older one. Whatever kills the process, the folder holds one whole result, or none and is made again;
    what was left lying is removed by the next one to make it.

    Parameters
    ----------
    target
        The folder to make; no two processes may make it at once.
    mark
        A file that every such folder has: one without it is somebody's, and not replaced.
    """

    def __init__(self, target: Path, mark: str) -> None:
        self.target, self._mark = target, mark
        self.temporary = self._beside()

    def __enter__(self) -> WholeFolder:
        if self.target.is_dir() and not (self.target / self._mark).exists() and any(self.target.iterdir()):
            raise OutputError(
                f"{self.target} holds files that are no results of before (no {self._mark}), and stays; name another "
                "folder for the results"
            )
        remove_leftovers(self.target)
        self.temporary.mkdir(mode=_PRIVATE, parents=True)
        return self

    def publish(self) -> None:
        """Move the folder into place.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        if self.target.exists():
            older = self._beside()
            self.target.rename(older)
            self.temporary.rename(self.target)
            shutil.rmtree(older, ignore_errors=True)
        else:
            self.temporary.rename(self.target)

    def clear(self) -> None:
        """Remove what was written so far."""
        for path in self.temporary.iterdir():
            path.unlink()

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.temporary, ignore_errors=True)

    def _beside(self) -> Path:
        return self.target.with_name(f".{self.target.name}.{uuid.uuid4().hex[:8]}")


def remove_leftovers(target: Path) -> None:
    """Remove what a `WholeFolder` of this target left lying when it was stopped; nobody may be making it now."""
    for stale in target.parent.glob(f".{escape(target.name)}.????????"):
        shutil.rmtree(stale, ignore_errors=True)
