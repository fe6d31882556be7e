"""The tree of errors is the one that its module draws."""

from __future__ import annotations

import re

from volsweep import errors


def test_the_tree_is_drawn_as_it_is():
    drawn, path = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ([│ ├└─]*)(\w+Error|DownloadCancelled)\b", line)
        if found is None:
            continue
        depth, name = len(found.group(1)) // 4, found.group(2)
        path[depth:] = [name]
        drawn[name] = path[depth - 1] if depth else "Exception"
    there = {
        name: kind.__base__.__name__
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert drawn == there
