"""An object's body, predicted in the block of space around what was prompted."""
