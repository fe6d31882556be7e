"""Names in the header of a NIfTI itself: the label table of Connectome Workbench, as TotalSegmentator writes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from volsweep.io.nifti import load_in_silence
from volsweep.volume import Label

_LONGEST = 1_000_000
_TABLE = re.compile(rb"<LabelTable>.*?</LabelTable>", re.DOTALL)


def label_table(path: Path) -> dict[int, Label]:
    """Number -> name and colour; nothing where a file has no such table, or a damaged one."""
    image: Any = load_in_silence(path)
    for extension in getattr(image.header, "extensions", ()):
        content = extension.get_content()
        text = content if isinstance(content, bytes) else str(content).encode()
        found = _TABLE.search(text[:_LONGEST])
        if found is None or b"<!" in re.sub(rb"<!\[CDATA\[.*?\]\]>", b"", found[0], flags=re.DOTALL):
            continue  # nothing that an XML reader would look up elsewhere
        try:
            table = ElementTree.fromstring(found[0])
        except ElementTree.ParseError:
            continue
        return dict(filter(None, map(_row, table.iter("Label"))))
    return {}


def _row(row: ElementTree.Element) -> tuple[int, Label] | None:
    key, name = row.get("Key", ""), " ".join((row.text or "").split())
    if not (key.isascii() and key.isdecimal() and 0 < int(key) < 2**16 and name):
        return None
    value = int(key)
    try:
        parts = [round(255 * float(row.get(channel, ""))) for channel in ("Red", "Green", "Blue")]
    except (ValueError, OverflowError):
        return value, Label(name, Label.default(value).color)
    inside = all(0 <= part <= 255 for part in parts)
    color = "#{:02x}{:02x}{:02x}".format(*parts) if inside else Label.default(value).color
    return value, Label(name, color)
