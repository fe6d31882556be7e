"""One volume, its prompts and its labels: actions, what they lead to, undo, sweeps, and what is kept of them."""
