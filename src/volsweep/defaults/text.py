"""Defaults as they are typed: ``window.CT lung``, ``label.1.name GTV``; read and listed."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from volsweep.defaults.kinds import Defaults, LabelRow
from volsweep.errors import SettingsError, did_you_mean, remedy

FORMS = "window.MODALITY, plane, model, format, reader, label.NUMBER.name, label.NUMBER.color or label.NUMBER.code"
_PLAIN = ("plane", "model", "format", "reader")
_OF_LABELS = tuple(LabelRow.model_fields)


def listed(defaults: Defaults) -> dict[str, str]:
    """Every default that was chosen, by the key that sets it."""
    found = {f"window.{modality}": text for modality, text in sorted(defaults.window.items())}
    found |= {key: str(value) for key in _PLAIN if (value := getattr(defaults, key)) is not None}
    for number, row in sorted(defaults.labels.items()):
        told = row.model_dump(exclude_none=True)
        found |= {f"label.{number}.{field}": str(value) for field, value in told.items()}
    return found


def changed(defaults: Defaults, key: str, value: str | None) -> Defaults:
    """The same with one default set, or, with None, taken back.

    Raises
    ------
    SettingsError
        If there is no such key, or its value cannot be followed.
    """
    content: dict[str, Any] = defaults.model_dump()
    head, _, rest = key.strip().partition(".")
    number, _, field = rest.partition(".")
    if head == "window" and rest:
        _put(content["window"], rest.upper(), value)
    elif head in _PLAIN and not rest:
        content[head] = value
    elif head == "label" and number.isdecimal() and field in _OF_LABELS:
        row = dict(content["labels"].get(int(number)) or {})
        _put(row, field, value)
        if value is None and field == "name":
            row = {}
        if row and "name" not in row:
            raise SettingsError(f"label {number} has no name yet; set label.{number}.name first")
        _put(content["labels"], int(number), row or None)
    else:
        near = did_you_mean(key, ("window.CT", *_PLAIN, *(f"label.1.{field}" for field in _OF_LABELS)))
        raise SettingsError(f"there is no default {key[:80]!r}; {near}give {FORMS}")
    try:
        return Defaults.model_validate(content)
    except ValidationError as error:
        told = remedy(error.errors(include_url=False)[0])  # what was there before is fit: it is about this value
        raise SettingsError(f"{key} {str(value)[:80]!r} cannot be a default: {told}") from None


def _put(content: dict[Any, Any], key: Any, value: Any) -> None:
    if value is None:
        content.pop(key, None)
    else:
        content[key] = value
