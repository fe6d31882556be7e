"""``python -m volsweep.napari [PATH]``: napari with a volume, or the CT phantom, and the widget docked."""

from __future__ import annotations

import argparse
import os


def main() -> None:
    """Open the window."""
    parser = argparse.ArgumentParser(prog="python -m volsweep.napari", description=__doc__)
    parser.add_argument("path", nargs="?", help="DICOM folder, zip or file; NIfTI, NRRD, MetaImage")
    path = parser.parse_args().path
    os.environ.setdefault("QT_API", "pyside6")

    import napari

    viewer = napari.Viewer(title="Volsweep")
    if napari.settings.get_settings().application.window_size is None:  # opened for the first time
        screen = viewer.window._qt_window.screen().availableGeometry()
        viewer.window.resize(min(1440, screen.width()), min(900, screen.height() - 40))
    viewer.window.add_plugin_dock_widget("napari-volsweep", "Volsweep")
    if path is None:
        viewer.open_sample("napari-volsweep", "ct_phantom")
    else:
        viewer.open(path, plugin="napari-volsweep")
    napari.run()


if __name__ == "__main__":
    main()
