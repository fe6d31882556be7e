"""What objects are called: names in four languages, with and without a side, and the SNOMED CT code that they mean."""

from volsweep.terminology.names import (
    Term,
    called,
    color_for,
    lesion_in,
    nearest,
    organ_in,
    side_in,
    telling,
    understood,
    window_of,
    words_of,
)
from volsweep.terminology.pairs import groups_of, pairs_of
from volsweep.terminology.resolve import called_alike, named, named_all, one_thing

__all__ = [
    "Term", "called", "called_alike", "color_for", "groups_of", "lesion_in", "named", "named_all",
    "nearest", "one_thing", "organ_in", "pairs_of", "side_in", "telling", "understood", "window_of", "words_of",
]  # fmt: skip
