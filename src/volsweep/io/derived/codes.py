"""What a label's name means, in SNOMED CT codes that other systems understand.

Codes are those that DICOM PS3.16 lists for segments (CID 7150, 7151, 7166; `volsweep.terminology` holds them). A
name that is not known is kept as text under "Tissue" with a code of our own (scheme ``99VOLSWEEP``, the name itself as
meaning), so that nothing is claimed about it.
"""

from __future__ import annotations

import hashlib
import re

from volsweep.terminology import lesion_in, side_in, understood, words_of
from volsweep.volume import Code, Label, Meaning


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


ANATOMY = _sct("91723000", "Anatomical Structure")
ABNORMAL = _sct("49755003", "Morphologically Abnormal Structure")
TISSUE = _sct("85756007", "Tissue")
SCHEME = "99VOLSWEEP"


def meaning_of(name: str) -> Meaning:
    """Look a label's name up: abnormal structures first ("liver tumour" is a tumour, of the liver), then organs."""
    words = words_of(name)
    lesion = lesion_in(words)
    if lesion is not None:
        where = understood(" ".join(word for word in words if word not in lesion.words))
        return Meaning(ABNORMAL, lesion.code, side_in(name), where and where.organ, where and where.side)
    term = understood(name)
    if term is not None:
        return Meaning(ANATOMY, term.organ, term.side)
    return Meaning(TISSUE, free_text(name), None)


def meaning_of_label(label: Label) -> Meaning:
    """What a label is: what the file that it came from says, else what its name says."""
    return label.meaning or meaning_of(label.name)


def free_text(name: str) -> Code:
    """A code of our own for a name that has none; the same name always gets the same one."""
    value = "N" + hashlib.sha256(name.encode()).hexdigest()[:12].upper()
    return Code(value, SCHEME, name or "unnamed")


_CONTEXTS = "Segmentation category and type - 3D Slicer General Anatomy list", "Anatomic codes - DICOM master list"
"""Where 3D Slicer looks codes of segments and of their places up."""
_RESERVED = re.compile(r"[~^|:\r\n]+")


def meaning_in(tags: str) -> Meaning | None:
    """What the tags of a 3D Slicer segment say that it is; None where they do not.

    Parameters
    ----------
    tags
        ``key:value|key:value|``, of which TerminologyEntry holds seven parts divided by ``~``: context, category,
        type, its modifier, context, anatomic region, its modifier; a code is ``scheme^value^meaning``.
    """
    entry = next((tag[1] for tag in re.finditer(r"(?:^|\|)TerminologyEntry:([^|]*)", tags)), "")
    parts = [_code_in(part) for part in entry.split("~")] + [None] * 7
    _, category, kind, side, _, region, region_side = parts[:7]
    return Meaning(category, kind, side, region, region_side) if category and kind else None


def _code_in(text: str) -> Code | None:
    scheme, value, meaning = (*(part.strip() for part in text.split("^")), "", "", "")[:3]
    return Code(value, scheme, meaning or value) if scheme and value else None


def entry_of(label: Label) -> str:
    """The TerminologyEntry of a label; see `meaning_in`."""
    means = meaning_of_label(label)
    codes = (means.category, means.kind, means.side), (means.region, means.region_side)
    what, where = ("~".join(_code_text(code) for code in part) for part in codes)
    return f"{_CONTEXTS[0]}~{what}~{_CONTEXTS[1]}~{where}"


def _code_text(code: Code | None) -> str:
    if code is None:
        return "^^"
    return "^".join(_RESERVED.sub(" ", part) for part in (code.scheme, code.value, code.meaning))
