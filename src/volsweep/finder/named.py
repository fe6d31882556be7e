"""A finder by the words that ask for it."""

from __future__ import annotations

from collections.abc import Sequence

from volsweep.finder.bundled import BundledFinder
from volsweep.finder.known import findable, index_of
from volsweep.finder.proposals import Finder
from volsweep.models.registry import FINDER
from volsweep.settings import expanded, is_address, voxtell_key


def finder_named(text: str | None, *, may_send: bool = False) -> Finder:
    """The finder that is meant; what the others need is loaded when they are.

    Parameters
    ----------
    text
        None or its name for the bundled one; ``http://...`` or ``https://...`` for a VoxTell server; else the folder of
        a CLIP as open_clip saves it.
    may_send
        Whether a patient's voxels may go to that server.

    Raises
    ------
    ModelError, ServerError
        If there is no such finder.
    """
    if text is None or text.strip() == FINDER.id:
        return BundledFinder()
    if is_address(text):
        from volsweep.finder.voxtell import VoxTellFinder

        return VoxTellFinder(text, may_send=may_send, key=voxtell_key())
    from volsweep.finder.clip import ClipFinder

    return ClipFinder(text)


def check_finder(text: str | None, *, may_send: bool = False, words: Sequence[str] = ()) -> None:
    """Find out before any volume is read whether a finder could look at all; nothing is loaded, nobody is asked.

    Parameters
    ----------
    text, may_send
        As of `finder_named`.
    words
        What is to be looked for.

    Raises
    ------
    ModelError, PromptError, ServerError
        If the folder holds no CLIP, the voxels may not go to the server, the address is none, or the bundled finder
        does not know a name.
    """
    if text is None or text.strip() == FINDER.id:
        for asked in words:
            index_of(asked, findable())
        return
    if is_address(text):
        from volsweep.finder.voxtell import VoxTellFinder

        VoxTellFinder(text, may_send=may_send).check_may_send()
    else:
        from volsweep.finder.clip import config_of

        config_of(expanded(text))
