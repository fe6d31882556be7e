"""Two studies of someone, and what became of two objects between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.drawn_labels import series

from volsweep.follow import Change, Fate, FollowUp, Registration
from volsweep.follow.tracking import tracked
from volsweep.measurement import measure
from volsweep.prompts import PromptSet
from volsweep.volume import Label, LabelVolume, Volume


def shrunk_and_gone(folder: Path) -> tuple[FollowUp, Volume, Volume]:
    """One that shrank to half its columns and one that is gone; both studies."""
    march, june = series(folder / "march"), series(folder / "june")
    array = np.zeros(march.shape_zyx, dtype=np.uint8)
    array[3:6, 4:24, 4:24], array[7, 27:30, 27:29] = 1, 2
    before = LabelVolume(array, march.grid, {1: Label("GTV", "#e69f00"), 2: Label("node", "#56b4e9")})
    later = np.where((array == 1) & (np.arange(array.shape[2]) < 14), 1, 0).astype(np.uint8)
    after = LabelVolume(later, june.grid, tracked(before, march), june.source)
    old, new = measure(before, march), measure(after, june)
    changes = (Change(1, "GTV", Fate.FOUND, old[1], new[1]), Change(2, "node", Fate.GONE, old[2]))
    return FollowUp(after, changes, Registration(np.eye(4), "rigid"), PromptSet(())), march, june
