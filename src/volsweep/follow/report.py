"""The table of changes as a DICOM SR."""

from __future__ import annotations

from volsweep.follow.follow import FollowUp
from volsweep.follow.response import Fate
from volsweep.io.derived.sr_write import Reported, Summed, report_bytes
from volsweep.volume import Volume


def to_sr(found: FollowUp, baseline: Volume, follow_up: Volume) -> bytes:
    """The table of changes as a DICOM SR (TID 1500) of the follow-up's study.

    Raises
    ------
    OutputError
        If the follow-up is no DICOM series that can be referred to.
    """
    rows = []
    for change in found.changes:
        label = found.labels.labels[change.label]
        uid = label.tracking_uid or ""
        percent = change.row()["volume_change_percent"]
        gone = change.fate is Fate.GONE
        rows.append(Reported(uid, change.label, label, 0, change.before))
        rows.append(Reported(uid, change.label, label, 1, change.after, gone, percent))
    response = found.response
    summed = Summed(response.sum_after_mm, response.percent, str(response.category))
    return report_bytes((baseline, follow_up), rows, summed)
