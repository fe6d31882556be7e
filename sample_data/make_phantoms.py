"""Make the sample data: a CT and an MR phantom as DICOM series, with truth and prompts.

Run it as ``python sample_data/make_phantoms.py [FOLDER]``; the default is this script's folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from generator import abdomen, head
from generator.shapes import Geometry
from generator.write import CT_IMAGE_STORAGE, MR_IMAGE_STORAGE, Series, write_dicom, write_prompts, write_truth

CT = Series(
    name="ct_phantom",
    modality="CT",
    sop_class=CT_IMAGE_STORAGE,
    description="Synthetic abdomen, liver lesion",
    body_part="ABDOMEN",
    window_center_width=(60.0, 400.0),
    rescale_intercept=-1024,
    specific={"KVP": 120, "ConvolutionKernel": "SYNTHETIC", "GantryDetectorTilt": 0},
)
MR = Series(
    name="mr_phantom",
    modality="MR",
    sop_class=MR_IMAGE_STORAGE,
    description="Synthetic head, T1 after contrast, metastasis",
    body_part="HEAD",
    window_center_width=(450.0, 900.0),
    rescale_intercept=0,
    specific={
        "ScanningSequence": "SE",
        "SequenceVariant": "NONE",
        "ScanOptions": "",
        "MRAcquisitionType": "2D",
        "RepetitionTime": 550,
        "EchoTime": 12,
        "EchoTrainLength": 1,
        "MagneticFieldStrength": 1.5,
    },
)


def make(folder: Path) -> None:
    """Write both phantoms into a folder, over what is there under their names."""
    for series, phantom in ((CT, abdomen), (MR, head)):
        write(folder, series, phantom.GEOMETRY, *phantom.make())


def write(folder: Path, series: Series, geometry: Geometry, image: np.ndarray, truth: np.ndarray) -> None:
    """Write one phantom: its series, its truth and its prompts."""
    write_dicom(folder / series.name, series, geometry, image)
    write_truth(folder / f"{series.name}_truth.nii.gz", geometry, truth)
    write_prompts(folder / f"{series.name}_prompts.json", series, geometry, truth)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
