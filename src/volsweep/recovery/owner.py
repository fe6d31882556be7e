"""Who works on a session: a lock that the operating system holds, and the name of the machine.

A process number says nothing: it is given to others, and means nothing on another machine that shares
the folder. The lock goes with its process, however that ends.
"""

from __future__ import annotations

import socket
from pathlib import Path

from filelock import FileLock, Timeout

from volsweep.io.writing import open_private

_LOCK, _HOST = "owner.lock", "owner"
_ASKED_S = 0.1
"""Whoever asks whether a session is worked on holds its lock for a moment: who finds it held looks again so long."""
_POLL_S = 0.01


class Owner:
    """Keeps a session's folder for this process until `leave`.

    Parameters
    ----------
    folder
        The session's.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._host = folder / _HOST
        try:
            with open_private(self._host) as file:
                file.write(socket.gethostname().encode())
        except OSError:  # a full disk leaves a file without a name
            self._host.unlink(missing_ok=True)
            raise
        # By default a lock belongs to the thread that took it, and another one's release does nothing.
        self._lock = FileLock(folder / _LOCK, timeout=10 * _ASKED_S, mode=0o600, thread_local=False)
        self._lock.acquire(poll_interval=_POLL_S)

    def leave(self) -> None:
        """Nobody works on the session any more."""
        self._host.unlink(missing_ok=True)
        self._lock.release()


def is_worked_on(folder: Path) -> bool:
    """Whether another process holds a session's folder, or another machine may."""
    host = folder / _HOST
    if not host.is_file():
        return False
    name = host.read_text(encoding="utf-8", errors="replace").strip()
    # Before there was a lock a process number stood here: that process is of a version that is gone. Nothing stands
    # here where a process was killed before its name was on the disk.
    if name not in ("", socket.gethostname()) and not name.isdigit():
        return True
    lock = FileLock(folder / _LOCK, timeout=_ASKED_S, mode=0o600)
    try:
        lock.acquire(poll_interval=_POLL_S)
    except Timeout:
        return True
    lock.release()
    return False
