"""Where a patient's points of one study or series lie in another: found, checked, and what is there resampled."""
