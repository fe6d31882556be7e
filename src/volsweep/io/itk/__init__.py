"""NRRD and MetaImage: what their headers say, what SimpleITK reads of them, and what it passes over."""
