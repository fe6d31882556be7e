"""The file of a user's defaults: JSON in the user's folder of settings, or where VOLSWEEP_DEFAULTS says."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from volsweep.defaults.kinds import Defaults
from volsweep.errors import SettingsError, why_invalid
from volsweep.io.writing import make_folder, write_whole
from volsweep.settings import defaults_file, read_json


def defaults_path() -> Path:
    """Where the file is, or would be.

    Raises
    ------
    SettingsError
        If this process has no home folder, and VOLSWEEP_DEFAULTS names no file.
    """
    path = defaults_file()
    if path is None:
        raise SettingsError("this process has no home folder to keep defaults in; set VOLSWEEP_DEFAULTS to a file")
    return path


def read_defaults() -> Defaults:
    """What the user chose; nothing where there is no file.

    Raises
    ------
    SettingsError
        If the file cannot be read, or says what cannot be followed.
    """
    path = defaults_file()
    if path is None or not path.exists():
        return Defaults()
    try:
        return Defaults.model_validate_json(read_json(path))
    except OSError as error:
        raise SettingsError(f"the defaults in {path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise SettingsError(
            f"the defaults in {path} cannot be followed: {why_invalid(error)}; mend or delete it"
        ) from None


def write_defaults(defaults: Defaults) -> Path:
    """Write the file, and say where.

    Raises
    ------
    SettingsError, OutputError
        If there is nowhere to write it.
    """
    path = defaults_path()
    make_folder(path.parent)
    write_whole(path, defaults.model_dump_json(indent=1, exclude_defaults=True) + "\n", overwrite=True)
    return path
