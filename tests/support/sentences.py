"""What damaged input ends in: a result, or a sentence of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from volsweep.errors import VolsweepError


@contextmanager
def sentence(doing: str) -> Iterator[None]:
    """Whatever is raised is the package's own, and says something."""
    try:
        yield
    except VolsweepError as error:
        said = str(error)
        assert len(said) > 10, (doing, said)
        assert "Traceback" not in said
        assert not said.rstrip().endswith((":", "Error)", "Exception)")), (doing, said)
