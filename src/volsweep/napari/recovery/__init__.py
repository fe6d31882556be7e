"""Work that was not saved: autosaves, and how they come back."""
