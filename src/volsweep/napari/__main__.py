"""``python -m volsweep.napari [PATH]``: napari with a volume, or the CT phantom, and the widget docked."""

from __future__ import annotations

import argparse
import ctypes.util
import os
import sys
from pathlib import Path

_NO_DISPLAY = (
    "volsweep: there is no display to open a window on; start one (xvfb-run, ssh -X), "
    "or use the command line (volsweep --help)"
)

_NO_NAPARI = (
    'volsweep: the window needs napari, which is not installed; install it with: pip install "napari-volsweep[napari]"'
)


def has_display() -> bool:
    """Whether a window could open here: where it could not, Qt ends the process with a core dump."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM", "xcb").split(":")[0] != "xcb":
        return True
    if os.environ.get("WAYLAND_DISPLAY"):
        return True
    library = ctypes.util.find_library("X11")
    if not os.environ.get("DISPLAY") or library is None:
        return bool(os.environ.get("DISPLAY"))
    x11 = ctypes.CDLL(library)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if not display:
        return False
    x11.XCloseDisplay(ctypes.c_void_p(display))
    return True


def main() -> None:
    """Open the window."""
    parser = argparse.ArgumentParser(prog="python -m volsweep.napari", description=__doc__)
    parser.add_argument("path", nargs="?", help="DICOM folder, zip or file; NIfTI, NRRD, MetaImage")
    parser.add_argument("--series", help="which of several")
    parser.add_argument("--labels", help="its labels, to look at and correct")
    asked = parser.parse_args()
    path = asked.path
    os.environ.setdefault("QT_API", "pyside6")
    if not has_display():
        print(_NO_DISPLAY, file=sys.stderr)
        raise SystemExit(2)

    try:
        import napari
    except ModuleNotFoundError:
        print(_NO_NAPARI, file=sys.stderr)
        raise SystemExit(1) from None

    viewer = napari.Viewer(title="Volsweep")
    if napari.settings.get_settings().application.window_size is None:  # opened for the first time
        screen = viewer.window._qt_window.screen().availableGeometry()
        viewer.window.resize(min(1440, screen.width()), min(900, screen.height() - 40))
    from volsweep.napari.contributions.dock import docked

    _, widget = docked(viewer)
    if asked.series is not None or asked.labels is not None:
        from volsweep.napari.window.case import open_case

        open_case(widget, Path(path), asked.series, None if asked.labels is None else Path(asked.labels))
    elif path is None:
        viewer.open_sample("napari-volsweep", "ct_phantom")
    else:
        viewer.open(path, plugin="napari-volsweep")
    napari.run()


if __name__ == "__main__":
    main()
