"""What a label's name means, in SNOMED CT codes that other systems understand.

Codes are those that DICOM PS3.16 lists for segments (CID 7150, 7151, 7166 and the anatomy
contexts). A name that is not known here is kept as text under "Tissue" with a code of our own
(scheme ``99VOLSWEEP``, the name itself as meaning), so that nothing is claimed about it.
"""

from __future__ import annotations

import hashlib
import re

from volsweep.volume import Code, Label, Meaning


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


ANATOMY = _sct("91723000", "Anatomical Structure")
ABNORMAL = _sct("49755003", "Morphologically Abnormal Structure")
TISSUE = _sct("85756007", "Tissue")
SCHEME = "99VOLSWEEP"

_ABNORMAL_WORDS = {
    _sct("108369006", "Neoplasm"): "neoplasm neoplasia tumor tumors tumour tumours gtv sarcoma carcinoma glioma",
    _sct("14799000", "Neoplasm, Secondary"): "metastasis metastases metastatic",
    _sct("52988006", "Lesion"): "lesion lesions laesion läsion",
    _sct("27925004", "Nodule"): "nodule nodules",
    _sct("12402003", "Scar (morphologic abnormality)"): "scar",
    _sct("367643001", "Cyst"): "cyst cysts",
    _sct("79654002", "Edema"): "edema oedema",
    _sct("6574001", "Necrosis"): "necrosis necrotic",
    _sct("50960005", "Hemorrhage"): "hemorrhage haemorrhage bleeding",
}

_ORGANS = {
    "liver": _sct("10200004", "Liver"),
    "spleen": _sct("78961009", "Spleen"),
    "pancreas": _sct("15776009", "Pancreas"),
    "kidney": _sct("64033007", "Kidney"),
    "stomach": _sct("69695003", "Stomach"),
    "gallbladder": _sct("28231008", "Gallbladder"),
    "duodenum": _sct("38848004", "Duodenum"),
    "colon": _sct("71854001", "Colon"),
    "bladder": _sct("89837001", "Bladder"),
    "urinary bladder": _sct("89837001", "Bladder"),
    "prostate": _sct("41216001", "Prostate"),
    "uterus": _sct("35039007", "Uterus"),
    "adrenal gland": _sct("23451007", "Adrenal gland"),
    "lung": _sct("39607008", "Lung"),
    "heart": _sct("80891009", "Heart"),
    "aorta": _sct("15825003", "Aorta"),
    "trachea": _sct("44567001", "Trachea"),
    "oesophagus": _sct("32849002", "Esophagus"),
    "esophagus": _sct("32849002", "Esophagus"),
    "larynx": _sct("4596009", "Larynx"),
    "brain": _sct("12738006", "Brain"),
    "brainstem": _sct("119238007", "Brain Stem"),
    "brain stem": _sct("119238007", "Brain Stem"),
    "hippocampus": _sct("5366008", "Hippocampus"),
    "spinal cord": _sct("2748008", "Spinal cord"),
    "mandible": _sct("91609006", "Mandible"),
    "parotid": _sct("45289007", "Parotid gland"),
    "parotid gland": _sct("45289007", "Parotid gland"),
    "thyroid": _sct("69748006", "Thyroid"),
    "thyroid gland": _sct("69748006", "Thyroid"),
    "lymph node": _sct("59441001", "Lymph Node"),
    "muscle": _sct("71616004", "Muscle"),
    "bone": _sct("272673000", "Bone"),
    "femur": _sct("71341001", "Femur"),
}

_SIDES = {"left": _sct("7771000", "Left"), "right": _sct("24028007", "Right")}


def meaning_of(name: str) -> Meaning:
    """Look a label's name up: abnormal structures first ("liver tumour" is a tumour), then organs."""
    words = re.findall(r"[^\W\d_]+", name.lower())
    sides = [_SIDES[word] for word in words if word in _SIDES]
    side = sides[0] if len(sides) == 1 else None
    for code, known in _ABNORMAL_WORDS.items():
        if set(words) & set(known.split()):
            return Meaning(ABNORMAL, code, side)
    rest = " ".join(word for word in words if word not in _SIDES)
    for candidate in (rest, rest.removesuffix("s")):
        if candidate in _ORGANS:
            return Meaning(ANATOMY, _ORGANS[candidate], side)
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
