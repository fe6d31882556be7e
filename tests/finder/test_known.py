"""What the bundled finder finds, by name."""

from __future__ import annotations

import pytest

from volsweep.errors import PromptError
from volsweep.finder import BundledFinder
from volsweep.finder.known import findable, index_of


def test_names_are_those_of_the_network():
    assert findable() == tuple(one.name for one in BundledFinder().known)


def test_a_text_means_one_of_the_names_or_is_refused():
    names = ["brain stem", "right parotid gland", "left parotid gland"]
    texts = ["Hirnstamm", "Glandula parotis dextra", "linke Ohrspeicheldrüse", "rigth parotid"]
    assert [index_of(text, names) for text in texts] == [0, 1, 2, 1]
    for text, told in [
        ("parotids", "may be right parotid gland or left parotid gland; say which"),
        ("Leber", "nothing that the finder was trained on; it finds brain stem, right parotid gland"),
        ("left liver", "says a side, and there is one Liver"),
        ("brian stm", "did you mean Brain Stem"),
    ]:
        with pytest.raises(PromptError, match=told):
            index_of(text, names)
