"""What lies on napari's canvas: layers of volumes, masks and prompts."""
