"""Finders by the words that ask for them."""

from __future__ import annotations

import pytest

from volsweep.errors import ModelError, ServerError
from volsweep.finder import BundledFinder, finder_named
from volsweep.finder.voxtell import VoxTellFinder


def test_finders_by_name(tmp_path):
    assert isinstance(finder_named(None), BundledFinder)
    assert isinstance(finder_named("volsweep-finder"), BundledFinder)
    assert isinstance(finder_named("http://127.0.0.1:8000/"), VoxTellFinder)
    assert finder_named("HTTPS://voxtell.example").url == "https://voxtell.example"
    with pytest.raises(ServerError, match="not encrypted"):
        finder_named("http://voxtell.example")
    with pytest.raises(ModelError, match=r"holds no open_clip_config\.json"):
        finder_named(str(tmp_path))
