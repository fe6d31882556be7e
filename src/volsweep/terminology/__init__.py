"""What objects are called: names in four languages, with and without a side, and the SNOMED CT code that they mean."""

from volsweep.terminology.names import Term, nearest, side_in, understood

__all__ = ["Term", "nearest", "side_in", "understood"]
