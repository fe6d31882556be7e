"""Prompt one slice, sweep the volume: SAM 2 segmentation of CT and MRI.

>>> import volsweep
>>> volume = volsweep.read_volume("series/")                              # doctest: +SKIP
>>> session = volsweep.Session(volume)                                    # doctest: +SKIP
>>> session.add_box(label=1, slice=42, box_xyxy=(120, 88, 190, 160))      # doctest: +SKIP
>>> for step in session.steps():     print(step.slice, step.score)        # doctest: +SKIP
>>> volsweep.write_labels("tumour.nii.gz", session.labels)                # doctest: +SKIP
"""

import logging as _logging
from importlib.metadata import version as _version

from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import VolsweepError
from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window
from volsweep.io import find_series, read_labels, read_volume, write_labels
from volsweep.job.job import Job
from volsweep.job.run import run_job
from volsweep.measurement import Measurement, measure
from volsweep.prompts.file import read_prompts, write_prompts
from volsweep.prompts.kinds import Box, Line, Point, PromptSet
from volsweep.prompts.mask import Mask
from volsweep.prompts.source import read_prompt_source
from volsweep.session.second.series import SecondSeries
from volsweep.session.session import Session
from volsweep.session.steps import Step
from volsweep.settings import enable_logging
from volsweep.volume import Label, LabelVolume, Volume

__version__ = _version("napari-volsweep")
_logging.getLogger("volsweep").addHandler(_logging.NullHandler())

__all__ = [
    "Box",
    "Grid",
    "Job",
    "Label",
    "LabelVolume",
    "Line",
    "Mask",
    "Measurement",
    "Plane",
    "Point",
    "PromptSet",
    "SecondSeries",
    "Session",
    "Step",
    "SweepOptions",
    "VolsweepError",
    "Volume",
    "Window",
    "__version__",
    "enable_logging",
    "find_series",
    "measure",
    "read_labels",
    "read_prompt_source",
    "read_prompts",
    "read_volume",
    "run_job",
    "write_labels",
    "write_prompts",
]
