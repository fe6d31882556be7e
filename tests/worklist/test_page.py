"""The page on agreement: its numbers, worst first; what readers and files are called stays text."""

from __future__ import annotations

import re

from volsweep.worklist.page import agreement_page
from volsweep.worklist.readers import CaseAgreement

BAD = '<img src=x onerror="alert(1)">'
ROWS = [
    CaseAgreement("a", "tumour", "AB", "CD", 0.9, 0.95, 2.0, 2.5),
    CaseAgreement("b", "tumour", "AB", "CD", 0.5, 0.4, 4.0, 3.0),
    CaseAgreement("b", BAD, "AB", "EF", 0.0, 0.0, 1.0, 0.0),
]


def cells(text: str, row: str) -> list[str]:
    found = re.search(rf"<tr><th>{row}</th>(.*?)</tr>", text)
    assert found
    return [re.sub("<[^>]+>", "", one).strip() for one in re.findall(r"<td.*?</td>", found[1])]


def test_means_of_pairs_and_objects_and_every_case():
    text = agreement_page(ROWS, {("AB", "CD"): (0.4, 3), ("AB", "EF"): (None, 1)}, "Agreement: list")
    assert cells(text, "AB and CD") == ["2", "0.700", "0.500", "0.675", "-0.25 mL", "0.40 (3 cases)"]
    assert cells(text, "AB and EF")[-1] == "not defined, for both always said the same (1 case)"
    assert cells(text, "tumour") == ["2", "0.700", "0.500", "0.675"]
    assert cells(text, "a") == ["tumour", "AB, CD", "0.900", "0.950", "2.00", "2.50"]
    assert re.findall(r"<tr><th>([ab])</th>", text) == ["b", "b", "a"], "worst first"
    assert "2 cases drawn by several readers" in text


def test_hostile_names_stay_text_and_nothing_is_fetched():
    text = agreement_page(ROWS, {(BAD, "CD"): (1.0, 1)}, BAD)
    assert "<img" not in text
    assert "://" not in text
    assert "{{" not in text
    assert text.count("<script>") == text.count("</script>") == 1
    assert not re.search(r"""(src|href)=["']""", text)


def test_nobody_agrees_on_nothing():
    text = agreement_page([], {}, "x")
    assert '<p id="nothing">' in text
    assert "0 cases" in text
    assert '<p id="nothing" hidden>' in agreement_page(ROWS, {}, "x")
