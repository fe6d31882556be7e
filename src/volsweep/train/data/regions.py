"""What scans show besides their labels: regions that stand out all around, found without anybody's help.

Labelled bodies are few, and an expert's tumour does not always end where an edge is seen; how regions are found is in
`volsweep.finder.regions`.
"""

from __future__ import annotations

import numpy as np

from volsweep.finder.regions import HOUNSFIELD, LEVELS, Region, extremal_regions, step_of
from volsweep.train.data.case import Case, find_targets

_LABELLED = 0.5
"""Share of a region in labels, or of a label in it, above which it is the label's: a tumour's hot part is no object."""


def find_regions(case: Case) -> list[Region]:
    """Regions brighter or darker than all around them, the surest first; none in volumes too large to search."""
    step = step_of(case.image_zyx.size)
    if step is None:
        return []
    low, high = case.percentiles[[1, -2]]
    levels = np.array(HOUNSFIELD, float) if case.has_hounsfield_units else np.linspace(low, high, LEVELS)
    labels_zyx = case.labels_zyx[:, ::step, ::step]
    labelled = np.bincount(labels_zyx.reshape(-1))

    def is_labels(region: Region) -> bool:
        inside = np.bincount(labels_zyx[region.box][region.mask_zyx], minlength=len(labelled))[1:]
        return bool(inside.sum() > _LABELLED * region.mask_zyx.sum() or (inside > _LABELLED * labelled[1:]).any())

    return extremal_regions(case.image_zyx, levels, step, is_labels)


def case_of(region: Region, case: Case) -> Case:
    """The case with a region of it as its only label."""
    labels = np.zeros(case.image_zyx.shape, dtype=np.uint8)
    labels[region.box] = region.mask_zyx
    targets = find_targets(labels, [1], [1] if region.open_ended else [])
    return case.with_content(case.image_zyx, labels, targets, "region")
