"""Pages for a browser: one HTML file each, made from a template, that needs nothing from elsewhere."""

from __future__ import annotations

import html
import re
from importlib.resources import files

_PART = re.compile(r"<!-- (\w+) -->\n(.*?)(?=<!-- \w+ -->|\Z)", re.DOTALL)


def head_of(title: str, style: str, *, pictures: bool = False) -> str:
    """What every page begins with; one with `pictures` shows those that lie beside it, and nothing from elsewhere."""
    allowed = "img-src 'self' file:; " if pictures else ""
    return fill(_parts()["head"], title=escaped(title), style=style, pictures=allowed)


def foot_of(script: str) -> str:
    """What every page ends with."""
    return fill(_parts()["foot"], script=script)


def _parts() -> dict[str, str]:
    return parts_of(template("volsweep.io.writing", "page.html"))


def template(room: str, name: str) -> str:
    """A file of the folder ``page_files`` of a room (``volsweep.batch``)."""
    return (files(room) / "page_files" / name).read_text(encoding="utf-8")


def parts_of(text: str) -> dict[str, str]:
    """The parts of a template, by the names in the comments that they begin with."""
    return dict(_PART.findall(text))


def fill(text: str, **values: str) -> str:
    """A template with its ``{{names}}`` filled; values are HTML, or went through `escaped`."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], text)


def escaped(value: object) -> str:
    """Whatever was said by a file or a person, as text of a page or of an attribute."""
    return html.escape(str(value))
