"""The phantoms that come with Volsweep: a CT and an MR series with prompts and known truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from volsweep.errors import InputError

_IN_PACKAGE = Path(__file__).parents[1] / "sample_data"
_IN_REPOSITORY = Path(__file__).parents[3] / "sample_data"


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
    root = _IN_PACKAGE if _IN_PACKAGE.is_dir() else _IN_REPOSITORY
    if not (root / name).is_dir():
        there = sorted(p.name for p in root.glob("*_phantom")) or "none"
        raise InputError(f"there is no sample {name!r} in {root} (there are: {there})")
    return Sample(root / name, root / f"{name}_prompts.json", root / f"{name}_truth.nii.gz")
