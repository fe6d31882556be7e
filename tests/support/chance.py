"""What a reader does by chance, for sessions that are compared with others that did the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np

from volsweep.session.session import Session

ACTIONS = 67
"""Of each of three in a round: two hundred."""


def acts(seed: int) -> Iterator[tuple[str, dict]]:
    """Boxes, clicks, sweeps, names and undos, by chance."""
    draw = np.random.default_rng(seed)
    for _ in range(ACTIONS):
        what = draw.choice(["box", "box", "point", "sweep", "undo", "name"])
        label, index = int(draw.integers(1, 4)), int(draw.integers(0, 9))
        x, y = (int(v) for v in draw.integers(2, 14, 2))
        yield str(what), {"label": label, "slice": index, "x": x, "y": y}


def locally(session: Session, what: str, at: dict) -> None:
    label, index, x, y = at["label"], at["slice"], at["x"], at["y"]
    prompted = {prompt.label for prompt in session.state.prompts}
    if what == "box":
        session.add_box(label=label, slice=index, box_xyxy=(x, y, x + 6, y + 5))
    elif what == "point" and label in prompted:
        session.add_point(label=label, point_zyx=(index, y, x))
    elif what == "sweep" and label in prompted:
        session.sweep(labels=[label])
    elif what == "undo" and session.journal.can_undo:
        session.undo()
    elif what == "name" and label in prompted:
        session.name_label(label, f"object {x}")


def side_by_side(*works: Callable[[], None]) -> None:
    """Works at the same time, each in a thread; what fails in one fails."""
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert not failed, failed
