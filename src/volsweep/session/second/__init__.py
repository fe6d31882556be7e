"""A second series of the same patient, whose evidence is used with the first's."""
