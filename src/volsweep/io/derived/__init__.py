"""DICOM objects made from images: segmentations, structure sets, reports, presentation states."""
