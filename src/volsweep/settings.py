"""What the environment decides: variables, the user's folders, and whether Volsweep tells what it does.

Nothing else in the package reads an environment variable of Volsweep's (docs/environment.md lists them;
a test holds both to `VARIABLES`). All are read when they are needed, never at import.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import logging
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_cache_dir, user_config_dir, user_data_dir

from volsweep.errors import ServerError, SettingsError

VARIABLES = {
    "VOLSWEEP_MODELS": "folder of fetched weights",
    "VOLSWEEP_DATA": "folder of autosaves",
    "VOLSWEEP_DEFAULTS": "file of the user's defaults",
    "VOLSWEEP_KEEP_FEATURES": "gigabytes of encoded slices to keep between sessions",
    "VOLSWEEP_BF16": "0 or 1: never or always multiply in bfloat16",
    "VOLSWEEP_OFFLINE": "1: fetch nothing, whatever is asked",
    "VOLSWEEP_LOG": "level of the log on standard error: info or debug",
    "VOLSWEEP_DICOMWEB_URL": "address of the DICOMweb server",
    "VOLSWEEP_DICOMWEB_USER": "user there",
    "VOLSWEEP_DICOMWEB_PASSWORD": "their password",
    "VOLSWEEP_DICOMWEB_TOKEN": "bearer token, in place of user and password",
    "VOLSWEEP_SERVER_TOKEN": "what `volsweep serve` asks of its clients, and clients show",
    "VOLSWEEP_VOXTELL_KEY": "key that a VoxTell server asks for",
}
"""Every variable, and what it says."""

SERVER_TOKEN = "VOLSWEEP_SERVER_TOKEN"
DICOMWEB_URL = "VOLSWEEP_DICOMWEB_URL"
"""The command line's options name this one."""
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
_LEVELS = {"info": logging.INFO, "debug": logging.DEBUG}
_HANDLER = "volsweep"


def cache_folder() -> Path | None:
    """The user's cache folder for Volsweep; None where this process has no home (a container's nameless user)."""
    return _home_folder(user_cache_dir)


def models_folder() -> Path:
    """Folder of fetched weights: VOLSWEEP_MODELS, or ``models`` in the user's cache.

    Raises
    ------
    SettingsError
        If neither is known.
    """
    return _folder("VOLSWEEP_MODELS", cache_folder(), "models")


def data_folder() -> Path:
    """Where Volsweep keeps its things: VOLSWEEP_DATA, or the user's data folder.

    Raises
    ------
    SettingsError
        If neither is known.
    """
    return _folder("VOLSWEEP_DATA", _home_folder(user_data_dir), "")


def defaults_file() -> Path | None:
    """The file of the user's defaults: VOLSWEEP_DEFAULTS, or ``defaults.json`` in the user's folder of settings.

    Whether it is there or not; None where neither is known.
    """
    folder = _home_folder(user_config_dir)
    if not _asked("VOLSWEEP_DEFAULTS") and folder is None:
        return None
    return _folder("VOLSWEEP_DEFAULTS", folder, "defaults.json")


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may look into: what lies there was done to a patient's images.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    own_folder(path).chmod(0o700)
    return path


def own_folder(path: Path) -> Path:
    """Make a folder, and those it lies in, its owner's alone; one that is there keeps the rights it was given.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
    return path


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with its ``~`` replaced; as it is where there is no such home, so that it is told what does not exist."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def regular(path: Path) -> Path:
    """A file that someone named, before it is opened: pipes and devices may never end.

    Raises
    ------
    OSError
        If it is not there, or one of these.
    """
    if not (stat.S_ISREG(mode := path.stat().st_mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is a pipe, a device or a socket", str(path))
    return path


def read_regular(path: Path) -> bytes:
    """The bytes of a file that someone named; see `regular`."""
    return regular(path).read_bytes()


def read_json(path: Path) -> bytes:
    """As `read_regular`: JSON as JSON has it, UTF-8 without a mark, also where an editor of Windows saved UTF-16."""
    encoding = json.detect_encoding(content := read_regular(path))
    return content if encoding == "utf-8" else content.decode(encoding, "replace").encode()


def kept_features_bytes() -> int:
    """How much VOLSWEEP_KEEP_FEATURES allows encoded slices to take on the disk, in bytes; 0 keeps none.

    Raises
    ------
    SettingsError
        If it is not a number.
    """
    asked = _asked("VOLSWEEP_KEEP_FEATURES") or "0"
    try:
        gigabytes = float(asked)
    except ValueError:
        raise SettingsError(f"VOLSWEEP_KEEP_FEATURES is {asked!r}; give gigabytes, such as 5, or 0") from None
    return int(gigabytes * 1e9) if 0 < gigabytes < 1e6 else 0


def bfloat16_asked() -> bool | None:
    """What VOLSWEEP_BF16 decides; None leaves it to the processor.

    Raises
    ------
    SettingsError
        If it is neither 0 nor 1.
    """
    asked = _asked("VOLSWEEP_BF16")
    if asked in ("", "0", "1"):
        return asked == "1" if asked else None
    raise SettingsError(f"VOLSWEEP_BF16 is {asked!r}; give 0 or 1, or unset it")


def is_offline() -> bool:
    """Whether VOLSWEEP_OFFLINE forbids fetching anything; what is not clearly no counts as yes."""
    return _asked("VOLSWEEP_OFFLINE").lower() not in _FALSE


@dataclass(frozen=True, repr=False)
class Credentials:
    """Who we are on a DICOMweb server; empty where not given.

    Its representation tells none of them.
    """

    user: str
    password: str
    token: str


def dicomweb_credentials() -> Credentials:
    """What VOLSWEEP_DICOMWEB_USER, _PASSWORD and _TOKEN say."""
    return Credentials(*(os.environ.get(f"VOLSWEEP_DICOMWEB_{name}", "") for name in ("USER", "PASSWORD", "TOKEN")))


def is_this_machine(host: str) -> bool:
    """Whether only this machine reaches an address: what goes there is read by nobody on the way."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_address(text: str) -> bool:
    """Whether someone means a server, rather than what lies on this machine."""
    return text.strip().lower().startswith(("http://", "https://"))


def server_url(text: str) -> str:
    """An address that images may be sent to: without a path's end, a query or a fragment.

    Raises
    ------
    ServerError
        If it is none, or would send a patient's images over a line that is not encrypted.
    """
    try:
        parts = urlsplit(text.strip())
    except ValueError:  # half an address of IPv6
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ServerError(f"{text.partition('#')[0][:200]!r} is no address of a server; give http://127.0.0.1:8765")
    if parts.scheme == "http" and not is_this_machine(parts.hostname):
        raise ServerError(
            f"the line to {parts.hostname} is not encrypted, and images would go over it; give https://, or come "
            "through ssh (docs/security-of-serve.md)"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def voxtell_key() -> str:
    """What VOLSWEEP_VOXTELL_KEY says; empty where it says nothing."""
    return os.environ.get("VOLSWEEP_VOXTELL_KEY", "")


def server_token() -> str:
    """What VOLSWEEP_SERVER_TOKEN says; empty where it says nothing."""
    return _asked(SERVER_TOKEN)


def enable_logging(level: int | str | None = None) -> None:
    """Tell on standard error what is read, decided and skipped, and how long things take.

    Volsweep logs to the logger ``volsweep`` and its children and is silent until asked: by this
    function, by ``-v`` on the command line, or by VOLSWEEP_LOG. No message holds a word about a patient;
    paths come at level debug alone. Calling it again changes the level.

    Parameters
    ----------
    level
        ``"info"``, ``"debug"`` or a number of `logging`; None takes VOLSWEEP_LOG, and does nothing
        where that is unset.

    Raises
    ------
    SettingsError
        If there is no such level.
    """
    if level is None:
        level = _asked("VOLSWEEP_LOG").lower()
        if level in _FALSE:
            return
        level = "info" if level in _TRUE else level
    if isinstance(level, str):
        if level not in _LEVELS:
            raise SettingsError(f"{level!r} is no level of the log (VOLSWEEP_LOG, -v); give info or debug")
        level = _LEVELS[level]
    logger = logging.getLogger("volsweep")
    handler = next((h for h in logger.handlers if h.get_name() == _HANDLER), None)
    if handler is None:
        handler = logging.StreamHandler()
        handler.set_name(_HANDLER)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
    logger.setLevel(level)


def _asked(name: str) -> str:
    return os.environ.get(name, "").strip()


def _folder(name: str, otherwise: Path | None, below: str) -> Path:
    asked = os.environ.get(name)
    if asked:
        try:
            return Path(asked).expanduser()
        except RuntimeError:  # ~ without a home
            raise SettingsError(f"{name} is {asked!r}, and this process has no home folder; give a full path") from None
    if otherwise is None:
        raise SettingsError(f"this process has no home folder to keep anything in; set HOME, or {name} to a folder")
    return otherwise / below


def _home_folder(find: Callable[..., str]) -> Path | None:
    try:
        folder = Path(find("volsweep", appauthor=False)).expanduser()
    except RuntimeError:  # pathlib: "could not determine the home directory"
        return None
    return folder if folder.is_absolute() else None
