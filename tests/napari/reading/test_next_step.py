"""The next thing to do follows from what was prompted, swept, loaded, locked and deleted."""

from __future__ import annotations

import numpy as np
import pytest

import volsweep
from volsweep.napari.reading.next_step import next_step
from volsweep.operations.brought import Load
from volsweep.prompts.mask import Mask
from volsweep.session.actions import EditLabel, LoadPrompts, Operate


def box_of(label: int, index: int = 5) -> volsweep.Box:
    return volsweep.Box(label=label, slice=index, box_xyxy=(12, 10, 20, 18))


def mask_of(label: int) -> Mask:
    return Mask.from_array(np.eye(40, 48, dtype=bool), label=label, slice=2)


@pytest.mark.parametrize(
    ("what", "is_next"),
    [
        ("", "sweep"),
        ("box", "sweep"),
        ("box sweep", "save"),
        ("box sweep box", "sweep"),
        ("box sweep other", "sweep"),
        ("box sweep other delete", "save"),
        ("box sweep other lock", "save"),
        ("load", "save"),
        ("box load", "sweep"),
        ("box load sweep", "save"),
        ("load box", "sweep"),
        ("prompts", "sweep"),
        ("context", "sweep"),
        ("context box sweep", "save"),
    ],
)
def test_what_comes_next_follows_from_what_was_prompted_swept_and_loaded(controller, what, is_next):
    drawn, loaded = mask_of(8), {"names": {8: "node"}, "colors": {8: "#112233"}}
    ways = {
        "box": lambda: controller.tools.drawn(box_of(1)),
        "other": lambda: controller.tools.drawn(box_of(2, 7)),
        "delete": lambda: controller.objects.delete(2),
        "lock": lambda: controller.objects.lock(2, True),
        "sweep": controller.sweep,
        "load": lambda: controller.post(Operate(label=8, operation=Load(), found=(drawn,), **loaded)),
        "prompts": lambda: controller.post(LoadPrompts(prompts=(drawn,))),
        "context": lambda: controller.post(LoadPrompts(prompts=(drawn,), labels=(EditLabel(label=8, locked=True),))),
    }
    for way in what.split():
        ways[way]()
    assert next_step(controller.opened) == is_next
