"""Objects as closed surfaces in LPS millimetres, for printing and planning: STL and OBJ."""

from volsweep.surfaces.file import write_surface
from volsweep.surfaces.surface import Surface, surface_of

__all__ = ["Surface", "surface_of", "write_surface"]
