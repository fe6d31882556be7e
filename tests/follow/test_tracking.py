"""What an object is called in all studies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from volsweep.follow.tracking import tracked
from volsweep.volume import Label, Source


def test_its_own_name_stays(baseline):
    volume, labels = baseline
    known = replace(labels, labels={3: Label("GTV", "#d55e00", tracking_uid="2.25.5")})
    assert tracked(known, volume)[3].tracking_uid == "2.25.5"


def test_one_without_gets_the_same_from_the_same_series_and_another_from_another(baseline):
    volume, labels = baseline
    here = replace(volume, source=Source(Path("a"), "dicom", series_uid="1.2.3"))
    there = replace(volume, source=Source(Path("b"), "dicom", series_uid="1.2.4"))
    found = [tracked(labels, one)[3].tracking_uid for one in (here, here, there, volume)]
    assert found[0] == found[1]
    assert len({*found}) == 3
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in found)
    assert tracked(labels, here)[3].name == "GTV"
