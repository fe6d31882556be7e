"""Volumes with known truth: manifests of real cases, and the phantoms that come with Volsweep."""
