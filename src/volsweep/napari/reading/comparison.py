"""How well the objects agree with those of a file, as a table; and those of the file as an outline over the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.colormaps.standardize_color import transform_color

from volsweep.io.writing import cell
from volsweep.napari.canvas.label_colors import LabelColors
from volsweep.napari.canvas.layers import placement
from volsweep.napari.reading import table
from volsweep.napari.worker.events import Compared
from volsweep.volume import Volume

if TYPE_CHECKING:
    from volsweep.evaluate.agreement import Agreement

HEADINGS = ("Object", "DSC", "NSD 2 mm", "mL here", "mL there", "Difference")
_PALE = 0.45
"""Outlines of the file are its colours with so much white: filled objects of the same colour lie beneath."""


def rows(agreements: Sequence[Agreement]) -> list[tuple[str, ...]]:
    """A row for each object; what only one of the two has agrees with nothing."""
    out: list[tuple[str, ...]] = []
    for one in agreements:
        difference = one.found_ml - one.truth_ml
        share = f" ({100 * difference / one.truth_ml:+.0f} %)" if one.truth_ml > 0 else ""
        volumes = (f"{one.found_ml:.2f}", f"{one.truth_ml:.2f}", f"{difference:+.2f} mL{share}")
        out.append((one.name, f"{one.dsc:.3f}", f"{one.nsd:.3f}", *volumes))
    return out


def as_text(agreements: Sequence[Agreement]) -> str:
    """The table for the clipboard: it falls into a spreadsheet's columns."""
    return table.as_text([HEADINGS, *((cell(name), *rest) for name, *rest in rows(agreements))], "\t")


def show_outlines(viewer: ViewerModel, image: Image, volume: Volume, compared: Compared) -> Labels:
    """Lay the objects of the file over the image, as outlines; the tool in hand goes on drawing where it drew."""
    active = viewer.layers.selection.active
    layer = Labels(
        np.ascontiguousarray(compared.labels_zyx),
        name=f"Compared: {compared.path.name}",
        opacity=1.0,
        translate=image.translate,
        **placement(volume.grid),
    )
    colors: dict[int | None, object] = {None: "transparent", 0: "transparent"}
    for value, label in compared.labels.items():
        red, green, blue, _ = transform_color(label.color)[0]
        colors[value] = (*((1 - _PALE) * np.array((red, green, blue)) + _PALE), 1.0)
    layer.colormap = LabelColors(color_dict=colors)
    layer.contour = 1
    layer.editable = False
    viewer.layers.append(layer)
    viewer.layers.selection.active = active
    return layer
