"""Slices as the network sees them: windows, encoded features, and what is kept of them."""
