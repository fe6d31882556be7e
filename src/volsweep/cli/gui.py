"""`volsweep gui`: napari, with Volsweep docked."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from volsweep.errors import SettingsError


def gui(
    path: Annotated[
        Path | None, typer.Argument(metavar="[SERIES]", help="What to open; the CT phantom by default.")
    ] = None,
    series: Annotated[
        str | None, typer.Option(help="Of several: SeriesInstanceUID, its beginning, or SeriesNumber.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Labels of the series, to look at and correct.")] = None,
) -> None:
    """Open napari with a series, and its labels if there are any, and Volsweep docked."""
    if importlib.util.find_spec("napari") is None:
        raise SettingsError(
            'the window needs napari, which is not installed; install it with: pip install "napari-volsweep[napari]"'
        )
    if path is not None:
        from volsweep.io.formats import kind_of

        path, _ = kind_of(path)
        if labels is not None:
            labels, _ = kind_of(labels)
    elif series is not None or labels is not None:
        raise typer.BadParameter("--series and --labels are of a SERIES; name it, too")
    # The plugin's own room, in a process of its own: the command line stays free of Qt.
    command = [sys.executable, "-m", "volsweep.napari", *([] if path is None else [str(path)])]
    for name, value in (("--series", series), ("--labels", labels)):
        command += [] if value is None else [name, str(value)]
    raise typer.Exit(subprocess.call(command))
