"""Many series from one manifest: one task each, on this machine or a cluster, resumable after any crash."""
