"""Names in four languages, held against pydicom's dictionary of the standard's codes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr._concepts_dict import concepts

from volsweep.intensity import CT_WINDOWS
from volsweep.terminology import called, color_for, lesion_in, nearest, organ_in, side_in, understood
from volsweep.terminology.names import LESIONS, _table
from volsweep.volume import Label


def said(name: str) -> tuple[str, str | None] | None:
    found = understood(name)
    return None if found is None else (found.organ.meaning, found.side.meaning if found.side else None)


def test_every_code_is_the_standards():
    known = {(value, meaning) for each in concepts["SCT"].values() for value, (meaning, _) in each.items()}
    organs = {organ.code for organ in _table().values()}
    assert len(organs) >= 100
    assert [organ for organ in organs if (organ.value, organ.meaning) not in known] == []


def test_no_name_stands_for_two_organs():
    """Reading the table twice, in either order, gives the same: the first row that has a name is the only one."""
    import csv
    from importlib.resources import files

    from volsweep.terminology.names import _key, words_of

    owners: dict[str, set[str]] = {}
    text = (files("volsweep.terminology") / "terms.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines(), delimiter=";"):
        for column in ("meaning", "english", "latin", "german", "spanish"):
            for name in filter(None, row[column].split(",")):
                owners.setdefault(_key(words_of(name)), set()).add(row["code"])
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
        ("Parotiden", ("Parotid gland", None)),
        ("Augen", ("Eye", None)),
        ("Sehnerven", ("optic nerve", None)),
        ("linke Nebennieren", ("Adrenal gland", "Left")),
        ("tronco del encéfalo", ("Brain Stem", None)),
        ("rigth parotid", ("Parotid gland", "Right")),
        ("lfet lung", ("Lung", "Left")),
    ],
)
def test_names(name, meaning):
    assert said(name) == meaning


@pytest.mark.parametrize(
    "name", ["", "thing 3", "delivery", "L", "left", "gland", "left liver", "ilium", "GTV", "axilla"]
)
def test_what_is_not_known_is_not_guessed(name):
    assert understood(name) is None


def test_a_side_is_told_of_anything():
    assert side_in("lung nodule, left").meaning == "Left"
    assert side_in("Läsion rechts").meaning == "Right"
    assert side_in("left and right") is side_in("L5") is None
    assert side_in("Tumor der Leber") is None  # an article
    assert side_in("Läsion der linken Niere").meaning == "Left"
    assert side_in("riñón der").meaning == side_in("Läsion recths").meaning == "Right"


def test_the_nearest_names_are_told():
    assert nearest("parotid duct")[0] == nearest("rigth paroitd")[0] == "Parotid gland"
    assert nearest("xyzzy qwert") == nearest("thing") == nearest("left") == []
    assert nearest("laryx") == ["Larynx"]
    assert nearest("rectum xyz") == ["Rectum"]
    assert "Pulmonary artery" not in nearest("right parotit glnd"), (
        "two letters that stand in a longer word are no hint"
    )


@given(st.sampled_from(sorted(_table())), st.sampled_from(["{}", "{} ", "  {}", "{}_2", "{}!"]), st.booleans())
def test_case_blanks_and_numbers_do_not_matter(name, form, loud):
    written = form.format(name.upper() if loud else name)
    assert understood(written) is not None
    assert understood(written).organ == _table()[name].code


def test_no_word_stands_for_two_lesions():
    words = [word for texts in LESIONS.values() for text in texts for word in text.split()]
    assert len(words) == len(set(words))


def test_kinds_of_one_code_are_told_apart():
    tumour, tumor, glioma = (lesion_in([word]) for word in ("tumour", "tumor", "glioma"))
    assert tumour == tumor
    assert (tumour.code, tumour.words) == (glioma.code, glioma.words)
    assert tumour.texts != glioma.texts
    assert lesion_in(["liver"]) is None


def test_a_lesion_is_in_an_organ():
    assert organ_in("liver tumour") is organ_in("Leber")
    assert organ_in("left lung nodule").window == "lung"
    assert organ_in("GTV") is organ_in("object 3") is None


def test_rows_name_windows_regions_and_colours_that_there_are():
    for organ in _table().values():
        assert organ.window in ("", *CT_WINDOWS)
        assert set(organ.regions) <= set("hncaplu")
        assert organ.seen <= {"CT", "MR", "PT", "NM", "US"}
        assert re.fullmatch("#[0-9a-f]{6}", organ.color)
    colors = {organ.code: organ.color for organ in _table().values()}
    assert len(set(colors.values())) == len(colors)


def test_a_name_has_its_colour_and_two_sides_have_two():
    left, right = called("left parotid", 1), called("Parotid_R", 1)
    assert left.color == called("linke Ohrspeicheldrüse", 7).color
    assert left.color != right.color
    for name in ("GTV", "liver tumour", "object 3"):  # what is no organ has its number's
        assert called(name, 3) == Label(name, Label.default(3).color)


def test_a_colour_follows_the_name_until_someone_chose_one():
    liver = called("liver", 1).color
    assert color_for(Label.default(1), 1, "liver") == liver
    assert color_for(called("spleen", 1), 1, "liver") == liver
    assert color_for(called("liver", 1), 1, "thing") == Label.default(1).color
    assert color_for(Label("x", "#123456"), 1, "liver") is None
    assert color_for(Label.default(1), 1, "GTV") is None
