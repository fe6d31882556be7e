"""napari's writer: labels go back on the grid they were drawn on."""

from __future__ import annotations

from typing import Any

import numpy as np

from volsweep.errors import OutputError
from volsweep.geometry import Grid
from volsweep.io import write_labels
from volsweep.napari.canvas.layers import LABELS_KEY, NAMES_KEY, VOLUME_KEY
from volsweep.volume import LabelVolume, Volume


def write_labels_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a labels layer; one that Volsweep made keeps its volume's true affine.

    napari has asked before it overwrites, so an existing file is replaced.
    """
    array = np.asarray(data)
    if array.ndim != 3:
        raise OutputError(f"a label volume has three axes, and layer {meta.get('name')!r} has {array.ndim}")
    metadata = meta.get("metadata", {})
    known, drawn_on = metadata.get(LABELS_KEY), metadata.get(VOLUME_KEY)
    if isinstance(drawn_on, Volume) and drawn_on.shape_zyx == array.shape:
        labels = LabelVolume(array, drawn_on.grid, metadata.get(NAMES_KEY, {}), drawn_on.source)
    elif isinstance(known, LabelVolume) and known.shape_zyx == array.shape:
        labels = known.with_array(array)
    else:
        scale = meta.get("scale", (1.0, 1.0, 1.0))
        labels = LabelVolume(array, Grid.axis_aligned(array.shape, [float(s) for s in scale]))
    receipt = write_labels(path, labels, overwrite=True)
    return [str(receipt.path)]
