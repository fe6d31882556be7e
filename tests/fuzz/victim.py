"""Run in a process of its own, with little memory: read what it is told of, and say how it ended.

One JSON line per input on standard input, one per result on standard output.
"""

from __future__ import annotations

import json
import resource
import sys
import traceback
from pathlib import Path

from volsweep.batch.manifest import read_manifest
from volsweep.errors import BatchError, VolsweepError
from volsweep.geometry import Grid
from volsweep.io import convert, find_series, read_labels, read_volume
from volsweep.io.placement import place_of
from volsweep.prompts.file import read_prompts
from volsweep.prompts.source import read_prompt_source
from volsweep.volume import Volume


def attempt(kind: str, path: Path, series: Path, out: Path) -> None:
    """Do with an input what a user would."""
    if kind == "prompts":
        read_prompts(path, Grid.axis_aligned((6, 12, 14)))
    elif kind == "manifest":
        if any(entry.problems for entry in read_manifest(path)):
            raise BatchError("rows with problems")
    elif kind.startswith("drawn"):
        # Swept in the plane it was drawn in, and in another one.
        own(lambda: read_prompt_source(path, place_of(series), plane="sagittal"))
        read_prompt_source(path, place_of(series), kind="mask")
    elif kind.startswith("labels") or kind == "nrrd":
        own(lambda: read_labels(path))
        own(lambda: convert(path, out / "out.nii.gz", overwrite=True))
        convert(path, out / "out.seg.dcm", source=series, overwrite=True)
    else:
        own(lambda: find_series(path))
        own(lambda: read_volume(path, gaps="keep"))
        check(read_volume(path))


def own(action) -> None:
    """One refusal does not end the attempt."""
    try:
        action()
    except VolsweepError:
        return


def check(volume: Volume) -> None:
    """What was read is usable: finite, of one shape, with a finite geometry."""
    import numpy as np

    assert volume.array_zyx.shape == volume.grid.shape_zyx
    assert np.isfinite(volume.grid.affine).all()
    assert volume.array_zyx.dtype.kind in "iuf"
    assert np.isfinite(volume.array_zyx).all()


def main() -> None:
    import highdicom  # noqa: F401
    import SimpleITK  # noqa: F401

    if sys.argv[1:]:
        # Libraries and their buffers take address space of their own; what is left is for the input.
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int(sys.argv[1]) * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print("ready", flush=True)
    for line in sys.stdin:
        kind, path, series, out = json.loads(line)
        try:
            attempt(kind, Path(path), Path(series), Path(out))
            ended = "result"
        except VolsweepError as error:
            ended = "refused" if str(error).strip() else "refused without a word"
        except BaseException:
            ended = traceback.format_exc()
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    main()
