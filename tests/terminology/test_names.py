"""Names in four languages, held against pydicom's dictionary of the standard's codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr._concepts_dict import concepts

from volsweep.terminology import nearest, side_in, understood
from volsweep.terminology.names import _table


def said(name: str) -> tuple[str, str | None] | None:
    found = understood(name)
    return None if found is None else (found.organ.meaning, found.side.meaning if found.side else None)


def test_every_code_is_the_standards():
    known = {(value, meaning) for each in concepts["SCT"].values() for value, (meaning, _) in each.items()}
    organs = {organ for organ, _ in _table().values()}
    assert len(organs) >= 100
    assert [organ for organ in organs if (organ.value, organ.meaning) not in known] == []


def test_no_name_stands_for_two_organs():
    """Reading the table twice, in either order, gives the same: the first row that has a name is the only one."""
    import csv
    from importlib.resources import files

    from volsweep.terminology.names import _key, _words

    owners: dict[str, set[str]] = {}
    text = (files("volsweep.terminology") / "terms.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines(), delimiter=";"):
        for column in ("meaning", "english", "latin", "german", "spanish"):
            for name in filter(None, row[column].split(",")):
                owners.setdefault(_key(_words(name)), set()).add(row["code"])
    assert {name: codes for name, codes in owners.items() if len(codes) > 1} == {}


@pytest.mark.parametrize(
    "name",
    ["left parotid", "parotid gland L", "Glandula parotis sinistra", "Parotid_L", "ParotidL", "linke Ohrspeicheldrüse",
     "parótida izquierda", "PAROTID, LEFT", "left parotids", "Lt parotid", "left parottid"],
)  # fmt: skip
def test_one_thing_by_many_names(name):
    assert said(name) == ("Parotid gland", "Left")


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Milz", ("Spleen", None)),
        ("hígado", ("Liver", None)),
        ("right kidney", ("Kidney", "Right")),
        ("rechte Niere", ("Kidney", "Right")),
        ("Niere rechts", ("Kidney", "Right")),
        ("kidneys", ("Kidney", None)),
        ("left and right lung", ("Lung", None)),
        ("Rückenmark", ("Spinal cord", None)),
        ("hipocampus", ("Hippocampus", None)),
        ("Hipocampo derecho", ("Hippocampus", "Right")),
        ("medulla spinalis", ("Spinal cord", None)),
        ("left ventricle", ("Left ventricle", None)),
        ("bones", ("Bone", None)),
    ],
)
def test_names(name, meaning):
    assert said(name) == meaning


@pytest.mark.parametrize("name", ["", "thing 3", "delivery", "L", "left", "gland", "left liver", "ilium", "GTV"])
def test_what_is_not_known_is_not_guessed(name):
    assert understood(name) is None


def test_a_side_is_told_of_anything():
    assert side_in("lung nodule, left").meaning == "Left"
    assert side_in("Läsion rechts").meaning == "Right"
    assert side_in("left and right") is side_in("L5") is None


def test_the_nearest_names_are_told():
    assert "Parotid gland" in nearest("parotid duct")
    assert nearest("xyzzy qwert") == []


@given(st.sampled_from(sorted(_table())), st.sampled_from(["{}", "{} ", "  {}", "{}_2", "{}!"]), st.booleans())
def test_case_blanks_and_numbers_do_not_matter(name, form, loud):
    written = form.format(name.upper() if loud else name)
    assert understood(written) is not None
    assert understood(written).organ == _table()[name][0]
