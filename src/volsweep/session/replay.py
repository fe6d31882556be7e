"""Carry out again what was written down."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice

from volsweep.masks import LabelMasks
from volsweep.session.actions import Action, MadeWith, Propagate, Redo, Stop, Undo
from volsweep.session.history import History
from volsweep.session.steps import Step


def replay(
    history: History,
    actions: Sequence[Action],
    known: Mapping[int, Mapping[int, LabelMasks]],
    use: Callable[[MadeWith], None],
    sweep: Callable[[Propagate], Generator[Step]],
) -> Iterator[Step]:
    """Carry out actions again.

    Parameters
    ----------
    history
        Of the session that they are done to.
    actions
        `Journal.effective`; where more is to be done again, what was undone after it, and the undoing of that.
    known
        What sweeps among them found, by their place in `actions`: those are not run again.
    use
        Called with what masks were made with, before they are made again.
    sweep
        Runs a sweep.

    Yields
    ------
    Step
        Of the sweeps that are run.
    """
    for i, action in enumerate(actions):
        made_with = getattr(action, "made_with", None)
        if made_with is not None:
            use(made_with)
        after = actions[i + 1] if i + 1 < len(actions) else None
        with _in_name_of(action.by, history):
            yield from _again(history, action, after if isinstance(after, Stop) else None, known.get(i), sweep)
    history.settle()


@contextmanager
def _in_name_of(reader: str | None, history: History) -> Iterator[None]:
    """Whoever restores, what was done before stays whose it was; nobody's, where nobody gave initials."""
    now, history.reader = history.reader, lambda: reader or ""
    try:
        yield
    finally:
        history.reader = now


def _again(
    history: History,
    action: Action,
    stop: Stop | None,
    known: Mapping[int, LabelMasks] | None,
    sweep: Callable[[Propagate], Generator[Step]],
) -> Iterator[Step]:
    """Carry out one action again; a sweep with its stop."""
    if isinstance(action, Undo):
        history.undo()
    elif not isinstance(action, Propagate):
        if not isinstance(action, Stop | Redo):
            history.edit(action)
    elif known is not None:
        state = history.state
        for label, masks in known.items():
            state = state.with_swept(label, masks)
        history.recall_sweep(action, stop, state)
    else:
        with closing(sweep(action)) as steps:
            yield from islice(steps, stop.steps if stop is not None else None)
