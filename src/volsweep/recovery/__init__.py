"""Sessions on the disk while they are worked on: a folder each, which outlives the process that works there."""
