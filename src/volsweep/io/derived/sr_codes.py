"""Codes of measurement reports: those of DICOM PS3.16 where it has one, our own (``99VOLSWEEP``) where not."""

from __future__ import annotations

from volsweep.io.derived.codes import SCHEME
from volsweep.volume import Code

VOLUME = Code("118565006", "SCT", "Volume")
LONG, SHORT = Code("103339001", "SCT", "Long axis"), Code("103340004", "SCT", "Short axis")
VOLUME_CHANGE = Code("VOLUMECHANGE", SCHEME, "Change of volume")
SUM = Code("SUMLONG", SCHEME, "Sum of longest diameters")
SUM_CHANGE = Code("SUMLONGCHANGE", SCHEME, "Change of the sum of longest diameters")
MEAN = {"CT": Code("112031", "DCM", "Attenuation Coefficient")}
MEAN_OTHER = Code("110852", "DCM", "MR signal intensity")
ML, MM, PERCENT = Code("ml", "UCUM", "ml"), Code("mm", "UCUM", "mm"), Code("%", "UCUM", "%")
HU, NONE = Code("[hnsf'U]", "UCUM", "Hounsfield unit"), Code("1", "UCUM", "no units")
THERE = Code("52101004", "SCT", "Present")
ABSENT = Code("272519000", "SCT", "Absent")
NOT_SEEN = Code("NOTIMAGED", SCHEME, "Not imaged")
FATE = Code("FATE", SCHEME, "Presence of a finding of the earlier study")
RESPONSE = Code("112048", "DCM", "Current Response")
RECIST = Code("126081", "DCM", "RECIST 1.1")
RESPONSES = {
    "CR": Code("112041", "DCM", "Target Lesion Complete Response"),
    "PR": Code("112042", "DCM", "Target Lesion Partial Response"),
    "PD": Code("112043", "DCM", "Target Lesion Progressive Disease"),
    "SD": Code("112044", "DCM", "Target Lesion Stable Disease"),
    "NE": Code("NOTEVALUABLE", SCHEME, "Not evaluable"),
}
PROCEDURES = {
    "CT": Code("25045-6", "LN", "CT unspecified body region"),
    "MR": Code("25056-3", "LN", "MRI unspecified body region"),
    "PT": Code("44136-0", "LN", "PET unspecified body region"),
}
OTHER_PROCEDURE = Code("18748-4", "LN", "Diagnostic imaging study")
