"""Values of DICOM tags that survive damaged files and never show a patient's."""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pydicom
from pydicom import config
from pydicom.uid import UID

_PLAIN = re.compile(r"[^\W\d_][\w ,/&+-]{1,63}")
"""What may name a part of the body."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom from judging values: its warnings and its log quote them, and they may be a patient's."""
    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.settings.reading_validation_mode = before


def value_of(dataset: pydicom.Dataset, keyword: str) -> Any:
    """Value of a tag, or None where it is absent, empty or cannot be understood."""
    try:
        return dataset.get(keyword)
    except Exception:  # converting damaged bytes to the tag's type fails in many ways
        return None


def is_given(dataset: pydicom.Dataset, keyword: str) -> bool:
    """Whether a tag is there and not empty, whatever its value is worth."""
    try:
        element = dataset.get_item(keyword)
        value = None if element is None else element.value
        return value is not None and bool(value.strip() if isinstance(value, bytes | str) else str(value))
    except Exception:  # damaged beyond being looked at, so it is there
        return keyword in dataset


def text_of(dataset: pydicom.Dataset, keyword: str) -> str:
    """A value as text, several joined by backslashes; empty where absent."""
    value = value_of(dataset, keyword)
    if value is None:
        return ""
    return "\\".join(str(v) for v in value) if isinstance(value, (list, pydicom.multival.MultiValue)) else str(value)


def uid_of(dataset: pydicom.Dataset, keyword: str) -> str:
    """A UID; nothing where damage made it swallow what follows, which may be the patient's name."""
    text = text_of(dataset, keyword)
    return text if re.fullmatch(r"[0-9.]{1,64}", text) else ""


def code_of(dataset: pydicom.Dataset, keyword: str) -> str:
    """A code of capitals and digits; nothing where damage made it anything else."""
    text = text_of(dataset, keyword)
    return text if re.fullmatch(r"[A-Z0-9_ ]{1,16}", text) else ""


def numbers_of(dataset: pydicom.Dataset, keyword: str, count: int | None = None) -> tuple[float, ...] | None:
    """Finite numbers of a tag, `count` of them if given; None where it holds anything else."""
    value = value_of(dataset, keyword)
    if value is None or isinstance(value, (str, bytes)):
        return None
    try:
        numbers = tuple(float(v) for v in (value if hasattr(value, "__iter__") else [value]))
    except (TypeError, ValueError):
        return None
    if not numbers or not all(map(math.isfinite, numbers)) or (count is not None and len(numbers) != count):
        return None
    return numbers


def number_of(dataset: pydicom.Dataset, keyword: str) -> float | None:
    """First number of a tag."""
    numbers = numbers_of(dataset, keyword)
    return numbers[0] if numbers else None


def syntax_name(uid: str) -> str:
    """What a transfer syntax is called, with its UID; that alone for those of one maker."""
    name = UID(uid).name
    return f"{name} ({uid})" if name != uid else uid or "none that is said"


def integer_of(dataset: pydicom.Dataset, keyword: str) -> int | None:
    """First number of a tag, as an integer."""
    number = number_of(dataset, keyword)
    return None if number is None else int(number)


def items_of(dataset: pydicom.Dataset, keyword: str) -> list[pydicom.Dataset]:
    """Items of a sequence; none where it is absent or damaged."""
    value = value_of(dataset, keyword)
    return list(value) if isinstance(value, pydicom.Sequence) else []


def body_part_of(dataset: pydicom.Dataset) -> str:
    """BodyPartExamined, else the name of the region's code, in capitals; empty where neither is a plain word."""
    groups = items_of(dataset, "SharedFunctionalGroupsSequence")
    anatomies = [dataset, *(item for group in groups for item in items_of(group, "FrameAnatomySequence"))]
    regions = [item for place in anatomies for item in items_of(place, "AnatomicRegionSequence")]
    said = [text_of(dataset, "BodyPartExamined"), *(text_of(region, "CodeMeaning") for region in regions)]
    return next((text for each in said if _PLAIN.fullmatch(text := each.strip().upper())), "")


def harmless_description(dataset: pydicom.Dataset) -> str:
    """SeriesDescription, left out where it repeats a part of the patient's name or number."""
    description = text_of(dataset, "SeriesDescription").strip()
    private = f"{text_of(dataset, 'PatientName')} {text_of(dataset, 'PatientID')}"
    for mark in "^=,_-":
        private = private.replace(mark, " ")
    words = [word.lower() for word in private.split() if len(word) > 2]
    return "" if len(description) > 64 or any(word in description.lower() for word in words) else description


class Patient(NamedTuple):
    """Hashes of what says whose an image is, so that two patients are known; each empty where it says nothing."""

    number: str
    name: str
    born: str


def patient_of(dataset: pydicom.Dataset) -> Patient:
    """Whose an image is; of the name neither capitals nor empty components at its end count."""
    number, name, born = (text_of(dataset, tag).strip() for tag in ("PatientID", "PatientName", "PatientBirthDate"))
    return Patient(_hash(number), _hash(name.rstrip("^= ").casefold()), _hash(born))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() if text else ""
