"""Texts and values that DICOM objects may hold: in Unicode, of a valid form, and names that stay apart."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from datetime import date

import pydicom
from pydicom.valuerep import PersonName

from volsweep.io.dicom.values import text_of
from volsweep.volume import Label

UNICODE = "ISO_IR 192"
_UNREADABLE = "\ufffd"

_DESIGNATED = re.compile(r"\x1b\$?[(),\-./][@-Z]|\x1b\$[@AB]")
"""What pydicom leaves of the escapes by which a text changes its character set (of GB 2312)."""

_LONGEST = {"SH": 16, "LO": 64}
_NAME = 64
_ENUMERATED = {"PatientSex": ("M", "F", "O"), "PatientIdentityRemoved": ("YES", "NO")}
_TEXTS = ("PN", "LO", "SH", "ST", "LT", "UC", "UT")
_GROUPS, _COMPONENTS = 3, 5
"""Of a person's name: alphabetic, ideographic, phonetic; family, given, middle, prefix, suffix."""


def dicom_text(text: str, limit: int = 64) -> str:
    """Make a text fit a DICOM string: a backslash would split it in two, and control characters are not allowed."""
    kept = "".join("/" if c == "\\" else c for c in text if c.isprintable()).strip()
    return kept[:limit].strip()


def names_of(labels: Mapping[int, Label]) -> tuple[dict[int, str], tuple[str, ...]]:
    """What labels are called in DICOM, which holds 64 letters: what is shortened stays apart, and is told.

    Returns
    -------
    dict of int to str
        Label -> name.
    tuple of str
        A warning where names were shortened.
    """
    whole = {
        value: dicom_text(label.name, len(label.name)) or Label.default(value).name for value, label in labels.items()
    }
    names = {value: name for value, name in whole.items() if len(name) <= _NAME}
    for value, name in whole.items():
        if value not in names:
            # Beginnings are alike ("left upper ...") and so are ends; the number tells apart what both leave equal.
            short = f"{name[:34].rstrip()}...{name[-27:].lstrip()}"
            ending = f" ({value})"
            names[value] = short if short not in names.values() else short[: _NAME - len(ending)] + ending
    notes: tuple[str, ...] = ()
    for value, name in sorted(names.items()):
        others = [v for v, other in names.items() if v < value and other == name]
        if any(labels[v].name != labels[value].name for v in others):
            names[value] = f"{name[: _NAME - 8].rstrip()} ({value})"
            notes += (f"the name of object {value} is another's in the letters of DICOM, and became {names[value]!r}",)
    long = [f"object {value}" for value, name in whole.items() if len(name) > _NAME]
    if long:
        notes += (f"the names of {', '.join(long)} are longer than the {_NAME} letters of DICOM and were shortened",)
    return names, notes


def speak_unicode(dataset: pydicom.Dataset) -> list[str]:
    """Turn every text into Unicode and say so; return a note where the character set is one that does not exist.

    An empty first value of several stands for the default repertoire, which scanners in Japan write.
    """
    stated = dataset.get("SpecificCharacterSet") or []
    names = [stated] if isinstance(stated, str) else list(stated)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dataset.decode()
        notes = []
    except (LookupError, UnicodeError, ValueError, UserWarning):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset.decode()
        which = f"the character set {'/'.join(names)} of the series is not known"
        which = which if any(names) else "the series does not say its character set in a way that is known"
        notes = [f"{which}; its texts were read as ASCII"]
    if (notes or not any(names)) and _read_as_utf8(dataset):
        notes = ["the series does not say its character set in a way that is known; its texts were read as UTF-8"]
    dataset.SpecificCharacterSet = UNICODE
    return notes


def _read_as_utf8(dataset: pydicom.Dataset) -> bool:
    """Read as UTF-8 what was read as Latin letters, where only UTF-8 has such bytes; return whether some were."""
    found = False
    for element in dataset:
        text = str(element.value) if element.VR in _TEXTS and isinstance(element.value, str | PersonName) else ""
        try:
            better = text if text.isascii() else text.encode("latin-1").decode("utf-8")
        except UnicodeError:
            continue
        if better != text:
            element.value, found = better, True
    return found


def tidy_value(dataset: pydicom.Dataset, keyword: str) -> list[str]:
    """Make a value valid, or blank where it cannot be; return a note where letters or digits of it changed."""
    element = dataset[keyword]
    before = _DESIGNATED.sub("", text_of(dataset, keyword))
    after = _valid(element.VR, keyword, before)
    if after != before or element.VR == "PN":  # a name would be written with the bytes that it was read from
        element.value = after
    if _UNREADABLE in after:
        return [f"letters of {keyword} cannot be read in the character set that the series names"]
    # Dates and times may lose what stands between their digits; of numbers and names every letter counts.
    blind = r"\W" if element.VR in ("DA", "TM", "CS", "DS") else r"[\s\0^=]"
    if re.sub(blind, "", after) == re.sub(blind, "", before):
        return []
    what = "shortened" if after and before.startswith(after) else "made valid" if after else "left blank"
    return [f"{keyword} of the series is no valid value of its kind and was {what}"]


def _valid(vr: str, keyword: str, value: str) -> str:
    text = value.strip(" \0")
    if vr == "DA":
        return _date(text)
    if vr == "TM":
        return _time(text)
    if vr == "AS":
        return text.upper().zfill(4) if re.fullmatch(r"\d{1,3}[DWMYdwmy]", text) else ""
    if keyword in _ENUMERATED:
        return text.upper() if text.upper() in _ENUMERATED[keyword] else ""
    if vr == "CS":
        return text.upper() if re.fullmatch(r"[A-Za-z0-9_ ]{1,16}", text) else ""
    if vr == "DS":
        return text if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text) and len(text) <= 16 else ""
    if vr in _LONGEST:
        return dicom_text(value, _LONGEST[vr])
    return _person(value) if vr == "PN" else value


def _person(value: str) -> str:
    """A person's name of at most so many groups, components and letters; what is beyond a component joins the last."""
    plain = "".join("/" if c == "\\" else c for c in value if c.isprintable())
    groups = []
    for group in plain.split("=")[:_GROUPS]:
        parts = group.split("^")
        last = [" ".join(parts[_COMPONENTS - 1 :])] if len(parts) >= _COMPONENTS else []
        groups.append("^".join([*parts[: _COMPONENTS - 1], *last])[:_NAME])
    return "=".join(group.rstrip("^") if group.strip("^") else group for group in groups)


def _date(text: str) -> str:
    """YYYYMMDD; with dots or dashes between as older objects have it; six digits leave the century open."""
    found = re.fullmatch(r"(\d{4})([.-]?)(\d{2})\2(\d{2})", text)
    try:
        if found:
            date(*(int(found[i]) for i in (1, 3, 4)))
    except ValueError:
        return ""
    return f"{found[1]}{found[3]}{found[4]}" if found else ""


def _time(text: str) -> str:
    """HHMMSS.FFFFFF, to the precision that is known and allowed; with colons between as older objects have it."""
    found = re.fullmatch(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:(\.\d{1,6})\d*)?)?)?", text)
    if found is None:
        return ""
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:  # DICOM knows leap seconds
        return ""
    return "".join(part or "" for part in found.groups())
