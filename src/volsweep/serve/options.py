"""How a server is to run, and what it refuses to do."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from volsweep.errors import InputError, SettingsError
from volsweep.io.dicom.samples import resolved, sample_folder
from volsweep.models import DEFAULT_MODEL
from volsweep.settings import SERVER_TOKEN, is_this_machine

LEAST_TOKEN = 32
"""Characters; of a token that is drawn at random there are 43."""
_TLS = (
    "the connection is not encrypted, so anyone on the way could read images and token: put a proxy with TLS before "
    "it (docs/security-of-serve.md has one for nginx and one for Caddy), or leave it on 127.0.0.1 and come through "
    "ssh -L {port}:127.0.0.1:{port} THIS-MACHINE"
)


@dataclass(frozen=True)
class Limits:
    """What a server holds at most.

    Parameters
    ----------
    sessions
        Volumes that are open at once.
    volume_bytes
        Of all open volumes together.
    upload_bytes
        Of one upload, packed, and of what it may unpack to.
    disk_bytes
        Of everything that was uploaded and is kept.
    lease_s
        Seconds without a word from a client after which its session may be closed to make room.
    """

    sessions: int = 8
    volume_bytes: int = 4 * 2**30
    upload_bytes: int = 2 * 2**30
    disk_bytes: int = 20 * 2**30
    lease_s: float = 120.0


@dataclass(frozen=True)
class Options:
    """How a server is to run.

    Parameters
    ----------
    folders
        What clients may open series from, by the names that they are called by.
    host, port
        Where it listens.
    token
        What clients have to show; drawn at random where nobody chose it.
    names
        Names beside the address itself by which clients may call it, each with its port unless that is the usual one.
    save_to
        Folder into which clients may save labels; None where they can only download them.
    model, device
        Of new sessions.
    finder, send_voxels
        Who looks for names, None for the bundled one (see `volsweep.finder.finder_named`); and whether the voxels of
        what clients open may go to a VoxTell server for that.
    """

    folders: dict[str, Path] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 8765
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    names: tuple[str, ...] = ()
    save_to: Path | None = None
    model: str = DEFAULT_MODEL
    device: str = "auto"
    finder: str | None = None
    send_voxels: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def hosts(self) -> frozenset[str]:
        """What a request's Host may be: a name that leads here by somebody else's hand is none of them."""
        own = {f"{name}:{self.port}" for name in (_bracketed(self.host), "localhost", "127.0.0.1", "[::1]")}
        return frozenset(name.lower() for name in (*own, *self.names))

    @property
    def address(self) -> str:
        """What to open in a browser on this machine; the token is behind the #, which no browser sends."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else _bracketed(self.host)
        return f"http://{host}:{self.port}/#token={self.token}"


def folders_named(paths: list[Path]) -> dict[str, Path]:
    """Folders by their own names, made different; the samples where there is none.

    Raises
    ------
    InputError
        If one is no folder.
    """
    out: dict[str, Path] = {}
    for path in paths:
        folder = resolved(path).resolve()
        if not folder.is_dir():
            raise InputError(f"{path} is no folder; give folders that hold series")
        name, number = folder.name or "/", 2
        while name in out:
            name, number = f"{folder.name} ({number})", number + 1
        out[name] = folder
    return out or {"samples": sample_folder().resolve()}


def check_binding(host: str, port: int, token: str) -> str | None:
    """What someone should know who binds a server there; None on this machine's own address.

    Raises
    ------
    SettingsError
        If other machines could reach it and nobody chose a token, or one that can be guessed.
    """
    if token and len(token) < LEAST_TOKEN:
        raise SettingsError(f"the token has {len(token)} characters; give {LEAST_TOKEN} or more, drawn at random")
    if is_this_machine(host):
        return None
    if not token:
        raise SettingsError(
            f"{host} can be reached from other machines, and nobody chose a token; put one of {LEAST_TOKEN} characters "
            f"or more into {SERVER_TOKEN} or a file (--token-file). And {_TLS.format(port=port)}"
        )
    return _TLS.format(port=port)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
