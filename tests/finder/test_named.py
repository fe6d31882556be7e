"""Finders by the words that ask for them."""

from __future__ import annotations

import pytest

from volsweep.errors import ModelError, PromptError, ServerError
from volsweep.finder import BundledFinder, finder_named
from volsweep.finder.named import check_finder
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


def test_what_could_not_look_at_all_is_known_before_anything_is_read(tmp_path):
    check_finder(None)
    check_finder("volsweep-finder")
    check_finder(None, words=["larynx", "Unterkiefer"])
    with pytest.raises(PromptError, match="'bright' is no name that Volsweep knows"):
        check_finder("volsweep-finder", words=["larynx", "bright"])
    # Others may know any word.
    check_finder("http://127.0.0.1:9", may_send=True, words=["bright"])
    check_finder("http://127.0.0.1:9", may_send=True)  # where nobody listens: it is not asked
    with pytest.raises(PromptError, match=r"127\.0\.0\.1:9.*nothing was sent"):
        check_finder("http://127.0.0.1:9")
    with pytest.raises(ServerError, match="not encrypted"):
        check_finder("http://voxtell.example", may_send=True)
    with pytest.raises(ModelError, match=r"holds no open_clip_config\.json"):
        check_finder(str(tmp_path))
