"""What a reader says of an object: kinds of prompts, their text and file forms, and files they are read from."""

from volsweep.prompts.extent import Extent, SideBox
from volsweep.prompts.file import read_prompts, write_prompts
from volsweep.prompts.kinds import Box, Line, Point, Prompt, PromptSet
from volsweep.prompts.labels import prompts_from_labels
from volsweep.prompts.mask import Mask
from volsweep.prompts.recist import Recist
from volsweep.prompts.scribble import Scribble
from volsweep.prompts.source import SourceKind, kind_of_source, read_prompt_source

__all__ = [
    "Box",
    "Extent",
    "Line",
    "Mask",
    "Point",
    "Prompt",
    "PromptSet",
    "Recist",
    "Scribble",
    "SideBox",
    "SourceKind",
    "kind_of_source",
    "prompts_from_labels",
    "read_prompt_source",
    "read_prompts",
    "write_prompts",
]
