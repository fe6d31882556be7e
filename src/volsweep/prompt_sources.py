"""Moved to `volsweep.prompts`; this name goes with the next release."""

from __future__ import annotations

import warnings
from typing import Any

from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.source import read_prompt_source


def prompts_from_file(*args: Any, **kwargs: Any) -> PromptSet:
    """Read what was drawn on a volume; see `volsweep.prompts.read_prompt_source`."""
    warnings.warn(
        "volsweep.prompt_sources.prompts_from_file is volsweep.prompts.read_prompt_source now",
        DeprecationWarning,
        stacklevel=2,
    )
    return read_prompt_source(*args, **kwargs)
