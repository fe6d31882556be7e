"""How devices are called."""

from __future__ import annotations

import re

import pytest

from volsweep.engine.network.device_name import check_device_name
from volsweep.errors import EngineError


@pytest.mark.parametrize("name", ["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:12"])
def test_names_that_machines_have(name):
    assert check_device_name(name) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [("gpu", "cuda"), ("GPU", "cuda"), ("cuda0", "cuda"), ("metal", "mps"), ("cpus", "cpu"), ("CPU", "cpu"), ("", None),
     ("gpu:1", "cuda:1"), ("GPU:0", "cuda:0"), ("metal:0", "mps"),
     ("tpu-v4-8", None)],
)  # fmt: skip
def test_others_are_refused_with_the_one_that_may_be_meant(name, meant):
    with pytest.raises(
        EngineError, match=re.escape(f"no device {name!r}; " + (f"did you mean {meant}?" if meant else "give"))
    ):
        check_device_name(name)
