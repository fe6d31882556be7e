"""A user's defaults: one file that the command line follows, and that Python reads when it is asked to."""

from volsweep.defaults.file import defaults_path, read_defaults, write_defaults
from volsweep.defaults.kinds import Defaults, LabelRow
from volsweep.defaults.text import changed, listed

__all__ = ["Defaults", "LabelRow", "changed", "defaults_path", "listed", "read_defaults", "write_defaults"]
