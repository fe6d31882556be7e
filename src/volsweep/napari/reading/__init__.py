"""What makes the window a reading room: words over the image, mouse and keys as readers know them, tables."""
