"""What every test of this tier is held to: dciodvfy finds no error in any DICOM object that Volsweep wrote in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from support.programs import complaints


@pytest.fixture(autouse=True)
def sound_objects(tmp_path: Path) -> Iterator[None]:
    """Looks at what is left in the test's folder; files that a test harmed on purpose say so in their names."""
    yield
    for path in sorted(tmp_path.rglob("*.dcm")):
        if path.is_file() and "harmed" not in path.name:
            header = pydicom.dcmread(path, specific_tags=["Manufacturer", "Modality"], force=True)
            if header.get("Manufacturer") == "Volsweep" and header.get("Modality") in ("SEG", "RTSTRUCT", "SR"):
                assert complaints(path) == [], path.name
