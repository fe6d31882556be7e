"""Write files whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from volsweep.errors import OutputError


@contextmanager
def replacing(targets: Sequence[Path], *, overwrite: bool) -> Iterator[tuple[Path, ...]]:
    """Hand out temporary names beside `targets`, moved into place together when the block succeeds.

    When it does not, also on Ctrl-C, the temporary files are removed and the targets are
    what they were.

    Parameters
    ----------
    targets
        Files to be written; moved in this order.
    overwrite
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        If a target exists and may not be replaced, its folder does not exist, or the disk refuses.
    """
    check_writable(targets, overwrite=overwrite)
    token = uuid.uuid4().hex[:12]
    # The suffixes stay: libraries choose the format by them.
    temporary = tuple(t.with_name(f".volsweep-{token}{''.join(t.suffixes[-2:])}") for t in targets)
    try:
        yield temporary
        _check_free(targets, overwrite)
        for source, target in zip(temporary, targets, strict=True):
            source.replace(target)
    except OSError as error:
        raise OutputError(f"{targets[0]} cannot be written: {error.strerror or error}") from None
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)


def check_writable(targets: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse now what would be refused at the end of the work.

    Raises
    ------
    OutputError
        As `replacing`.
    """
    for target in targets:
        if target.is_dir():
            raise OutputError(f"{target} is a folder; give the name of a file")
        if not target.parent.is_dir():
            raise OutputError(f"the folder {target.parent} does not exist; create it first")
    _check_free(targets, overwrite)


def _check_free(targets: Sequence[Path], overwrite: bool) -> None:
    if overwrite:
        return
    for target in targets:
        if target.exists() or target.is_symlink():
            raise OutputError(
                f"{target} exists already; choose another name, or overwrite it (overwrite=True, --force)"
            )
