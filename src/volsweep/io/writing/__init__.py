"""Files and folders written whole or not at all, and never over what stays."""

from volsweep.io.writing.cells import cell
from volsweep.io.writing.files import (
    CORNER_TOLERANCE_MM,
    check_no_image,
    check_spares,
    check_writable,
    make_folder,
    open_private,
    replacing,
    sha256,
    write_whole,
)
from volsweep.io.writing.folder import WholeFolder, remove_leftovers
from volsweep.io.writing.names import as_on_disk, distinct, free_name

__all__ = [
    "CORNER_TOLERANCE_MM",
    "WholeFolder",
    "as_on_disk",
    "cell",
    "check_no_image",
    "check_spares",
    "check_writable",
    "distinct",
    "free_name",
    "make_folder",
    "open_private",
    "remove_leftovers",
    "replacing",
    "sha256",
    "write_whole",
]
