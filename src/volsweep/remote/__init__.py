"""A Volsweep server as seen from afar: what is said to it, and an engine that lives there. Without torch."""
