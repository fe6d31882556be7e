"""Series of DICOM images: files, headers, geometry, pixels."""
