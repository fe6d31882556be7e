"""A line to a server that breaks when it is told to."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class CutLine:
    """Passes bytes on between clients and a port; each of `cuts` ends a connection after so many bytes."""

    def __init__(self, port: int) -> None:
        self.cuts: list[int] = []
        self.connections = 0
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)  # closed alone, it would be waited at for ever
        self._accepting.join()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self.connections += 1
                far = socket.create_connection(("127.0.0.1", self._to))
                threading.Thread(target=self._up, args=(near, far), daemon=True).start()
                threading.Thread(target=self._down, args=(far, near), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                # The server is to know it by its own name.
                far.sendall(
                    data.replace(f"Host: 127.0.0.1:{self.port}".encode(), f"Host: 127.0.0.1:{self._to}".encode())
                )
            far.shutdown(socket.SHUT_WR)

    def _down(self, far: socket.socket, near: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while data := far.recv(512):
                passed += len(data)
                if self.cuts and passed > self.cuts[0]:
                    self.cuts.pop(0)
                    break
                near.sendall(data)
        for end in (near, far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
