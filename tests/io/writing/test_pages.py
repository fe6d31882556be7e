"""Templates filled: what others said stays text."""

from __future__ import annotations

import re

import pytest

from volsweep.io.writing.pages import escaped, fill, foot_of, head_of, parts_of, template


def test_parts_and_values():
    parts = parts_of("<!-- head -->\n<h1>{{title}}</h1>\n<!-- foot -->\n<p>{{title}}{{title}}</p>\n")
    assert set(parts) == {"head", "foot"}
    assert fill(parts["head"], title="a{{title}}\\1") == "<h1>a{{title}}\\1</h1>\n"
    with pytest.raises(KeyError):
        fill("{{other}}", title="")


def test_text_stays_text():
    assert escaped("<img src=x onerror='a' b=\"c\">&") == "&lt;img src=x onerror=&#x27;a&#x27; b=&quot;c&quot;&gt;&amp;"


@pytest.mark.parametrize(("room", "name"), [("volsweep.batch", "page.html"), ("volsweep.worklist", "agreement.html")])
def test_templates_ask_nothing_of_elsewhere(room, name):
    text = template(room, name)
    assert "://" not in text
    assert {"head", "foot"} <= set(parts_of(text))


@pytest.mark.parametrize("pictures", [True, False])
def test_pages_begin_and_end_alike_and_may_load_nothing(pictures):
    page = head_of("<Läsion>", "p { color: red }", pictures=pictures) + "<p>x</p>\n" + foot_of("run()")
    assert page.startswith("<!doctype html>\n")
    assert page.endswith("</html>\n")
    assert (
        page.index("<title>&lt;Läsion&gt; · Volsweep")
        < page.index("p { color")
        < page.index("<p>x")
        < page.index("run()")
    )
    assert "://" not in page
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules.pop("default-src") == "'none'"
    assert rules.get("img-src") == ("'self' file:" if pictures else None)
    assert set(rules) - {"img-src"} == {"style-src", "script-src"}
