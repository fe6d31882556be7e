"""What a reader says of an object: kinds of prompts, their text and file forms, and files they are read from."""

from volsweep.prompts.file import read_prompts, write_prompts
from volsweep.prompts.kinds import Box, Line, Mask, Point, Prompt, PromptSet

__all__ = ["Box", "Line", "Mask", "Point", "Prompt", "PromptSet", "read_prompts", "write_prompts"]
