"""The networks: SAM 2 and the 3D network beside it, built, loaded and run."""
