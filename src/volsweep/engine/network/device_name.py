"""How devices are called; no torch is needed to refuse a name that no machine has."""

from __future__ import annotations

import re

from volsweep.errors import EngineError, did_you_mean

DEVICES = ("auto", "cpu", "cuda", "mps")
_NAME = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")
_ALSO = {"gpu": "cuda", "nvidia": "cuda", "metal": "mps", "apple": "mps"}
"""What people call them."""


def check_device_name(name: str) -> None:
    """Refuse what is no device's name.

    Raises
    ------
    EngineError
        With the name that may be meant.
    """
    if _NAME.fullmatch(name):
        return
    word, colon, number = name.strip().lower().partition(":")
    meant = _ALSO.get(word)
    if meant == "cuda" and number.isdecimal():
        meant += colon + number
    ask = f"did you mean {meant}? " if meant else did_you_mean(name[:80], DEVICES)
    raise EngineError(f"there is no device {name[:80]!r}; {ask}give auto, cpu, cuda, cuda:N (of several) or mps")
