"""A journal's file: an action a line, each on the disk before it counts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from volsweep.errors import InputError, OutputError, why_refused
from volsweep.io.writing import replacing
from volsweep.session.actions import Action
from volsweep.settings import read_regular


class JournalFile:
    """A file that holds whole lines, whatever the disk does.

    Parameters
    ----------
    path
        The file.
    size
        Its bytes so far.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    @staticmethod
    def create(path: Path, actions: Iterable[Action]) -> JournalFile:
        """Write a file that only its owner may read: what was done to a patient's images is nobody else's.

        Raises
        ------
        OutputError
            If it cannot be written; a file that was there is what it was.
        """
        lines = b"".join(_line(action) for action in actions)
        with replacing([path], overwrite=True) as (temporary,), temporary.open("wb") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        return JournalFile(path, len(lines))

    def append(self, action: Action) -> None:
        """Add a line.

        Raises
        ------
        OutputError
            If the disk refuses; the file then ends with the line before.
        """
        line = _line(action)
        try:
            with self._path.open("r+b") as file:
                # What an earlier failure may have left behind the last whole line goes.
                file.truncate(self._size)
                file.seek(self._size)
                try:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    with suppress(OSError):
                        os.ftruncate(file.fileno(), self._size)
                    raise
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written, so the last action was not done: {why_refused(error)}; "
                "make room on the disk and do it again"
            ) from error
        self._size += len(line)


def read_lines(path: Path) -> list[bytes]:
    """The lines of a journal's file; the last one is empty, or was cut short.

    They end at line feeds alone: a label's name may hold any other separator.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        return read_regular(path).split(b"\n")
    except OSError as error:
        raise InputError(f"the journal {path} cannot be read: {why_refused(error)}") from error


def _line(action: Action) -> bytes:
    return action.model_dump_json().encode() + b"\n"
