"""The phantoms that come with Volsweep: a CT and an MR series with prompts and known truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from volsweep.io.dicom.samples import series_of_sample


@dataclass(frozen=True)
class Sample:
    """A phantom: a folder of DICOM, its prompts, and the truth as NIfTI on the same grid."""

    series: Path
    prompts: Path
    truth: Path


def sample(name: str = "ct_phantom") -> Sample:
    """Find a phantom: ``"ct_phantom"`` or ``"mr_phantom"``.

    Raises
    ------
    InputError
        If there is none of this name, or the installation lacks them.
    """
    series = series_of_sample(name)
    return Sample(series, series.with_name(f"{name}_prompts.json"), series.with_name(f"{name}_truth.nii.gz"))
