"""Objects that share voxels, and masks of planes that cross."""
