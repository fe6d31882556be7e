"""Files and folders written whole or not at all, and the receipt of what was written."""

from volsweep.io.writing.files import (
    CORNER_TOLERANCE_MM,
    Receipt,
    cell,
    check_writable,
    make_folder,
    open_private,
    replacing,
    sha256,
    write_whole,
)
from volsweep.io.writing.folder import WholeFolder, remove_leftovers

__all__ = [
    "CORNER_TOLERANCE_MM",
    "Receipt",
    "WholeFolder",
    "cell",
    "check_writable",
    "make_folder",
    "open_private",
    "remove_leftovers",
    "replacing",
    "sha256",
    "write_whole",
]
