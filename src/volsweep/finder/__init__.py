"""Words instead of a box: finders, which say where in a volume something with a name probably lies."""

from volsweep.finder.bundled import BundledFinder
from volsweep.finder.named import finder_named
from volsweep.finder.proposals import Finder, Proposal, Section

__all__ = ["BundledFinder", "Finder", "Proposal", "Section", "finder_named"]
