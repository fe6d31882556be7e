"""Where the sample data lie that come with Volsweep; ``sample:NAME`` is a path wherever a path is read."""

from __future__ import annotations

import os
from pathlib import Path

from volsweep.errors import InputError
from volsweep.settings import expanded

PREFIX = "sample:"
_IN_PACKAGE = Path(__file__).parents[2] / "sample_data"
_IN_REPOSITORY = Path(__file__).parents[4] / "sample_data"


def sample_folder() -> Path:
    """The folder of the samples, in the installed package or in a clone."""
    return _IN_PACKAGE if _IN_PACKAGE.is_dir() else _IN_REPOSITORY


def sample_names() -> list[str]:
    """The series among them."""
    return sorted(path.name for path in sample_folder().glob("*_phantom"))


def series_of_sample(name: str) -> Path:
    """The folder of a sample's series.

    Raises
    ------
    InputError
        If there is none of this name, or the installation lacks them.
    """
    there = sample_names()
    if name not in there:
        told = f"there are {', '.join(there)}" if there else "the installation lacks them; install Volsweep again"
        raise InputError(f"there is no sample {name!r}; {told}")
    return sample_folder() / name


def resolved(path: str | os.PathLike[str]) -> Path:
    """A path as it was typed: with its home folder, and with the folder of a sample for ``sample:ct_phantom``.

    Raises
    ------
    InputError
        If there is no such sample.
    """
    text = os.fspath(path)
    if text.startswith(PREFIX) and not Path(text).exists():
        return series_of_sample(text.removeprefix(PREFIX))
    return expanded(path)
