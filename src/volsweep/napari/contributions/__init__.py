"""What napari.yaml names: reader, writer, sample data, dock."""
