"""What the window takes from the user's defaults: windows, plane, model, and what new objects are called."""

from __future__ import annotations

from volsweep.defaults import Defaults, read_defaults
from volsweep.errors import SettingsError, VolsweepError
from volsweep.intensity import Window, default_window, resolve_window
from volsweep.volume import Label, Volume


def chosen() -> Defaults:
    """The user's defaults as they are now; none where their file cannot be followed: `problem` says so."""
    try:
        return read_defaults()
    except SettingsError:
        return Defaults()


def problem() -> str:
    """Why the defaults are not followed; empty where they are."""
    try:
        read_defaults()
    except SettingsError as error:
        return str(error)
    return ""


def first_window(volume: Volume) -> Window:
    """The window that a volume opens in."""
    try:
        return resolve_window(volume, chosen().window_for(volume))
    except VolsweepError:  # a preset of CT, for what was no CT after all
        return default_window(volume)


def row_of(label: int) -> Label | None:
    """What a new object of a number is called and coloured; None where the table does not say."""
    defaults = chosen()
    return defaults.label(label) if label in defaults.labels else None
