"""The tree of errors is the one that its module draws."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError, model_validator

from volsweep import errors
from volsweep.batch.manifest import Row
from volsweep.defaults import Defaults, LabelRow
from volsweep.worklist.listing import Case


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


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=1, le=9)] = 9


class Dog(BaseModel):
    kind: Literal["dog"]


class Zoo(BaseModel, extra="forbid"):
    animal: Annotated[Cat | Dog, Field(discriminator="kind")]
    weights: Annotated[list[float], Field(min_length=2)] = [1.0, 2.0]
    name: str = ""
    open: bool = True

    @model_validator(mode="after")
    def _named(self):
        if self.name == "Noah":
            raise ValueError("Noah's ark is full")
        return self


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "animal is missing"),
        ({"animal": {"kind": "cow"}}, "animal.kind 'cow': give one of cat, dog"),
        ({"animal": {"kind": "cat", "lives": 0}}, "animal.cat.lives 0: give at least 1"),
        ({"animal": {"kind": "cat", "lives": "many"}}, "animal.cat.lives 'many': give a whole number"),
        ({"animal": {"kind": "cat", "lives": 1.5}}, "animal.cat.lives 1.5: give a whole number"),
        ({"animal": {"kind": "dog"}, "weights": [1]}, "weights: give at least 2 values"),
        ({"animal": {"kind": "dog"}, "weights": [1, "x"]}, "weights.1 'x': give a number"),
        ({"animal": {"kind": "dog"}, "weights": 3}, "weights 3: give a list"),
        ({"animal": {"kind": "dog"}, "open": "perhaps"}, "open 'perhaps': give true or false"),
        ({"animal": {"kind": "dog"}, "name": 3}, "name 3: give a text"),
        ({"animal": {"kind": "dog"}, "name": "Noah"}, "Noah's ark is full"),
        ({"animal": {"kind": "dog"}, "colour": "red"}, "colour is not known here"),
        ({"animal": "dog"}, "animal 'dog': give an object"),
    ],
)
def test_what_a_model_refuses_is_told_in_our_words(given, said):
    with pytest.raises(ValidationError) as refused:
        Zoo.model_validate(given)
    assert errors.why_invalid(refused.value) == said


def test_a_long_value_is_cut_short():
    with pytest.raises(ValidationError) as refused:
        Zoo.model_validate({"animal": {"kind": "cat", "lives": "9" * 5000 + "x"}})
    assert len(errors.why_invalid(refused.value)) < 150


def test_of_many_a_few_are_told_and_how_many_there_are():
    assert errors.first_of(list("abc")) == "a, b, c"
    assert errors.first_of(list("abcde"), 2, "; ") == "a; b (and 3 more)"


def test_the_nearest_word_is_asked_for():
    assert errors.did_you_mean("lnug", ("lung", "bone")) == "did you mean lung? "
    assert errors.did_you_mean("xyz", ("lung", "bone")) == ""


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("that lies outside", "That lies outside"),
        ("bad.nii cannot be read", "bad.nii cannot be read"),
        ("a-b cannot be read", "a-b cannot be read"),
        ("/tmp/a does not exist", "/tmp/a does not exist"),
        ("", ""),
    ],
)
def test_a_sentence_has_a_capital_and_a_file_its_own_name(message, said):
    assert errors.sentence(message) == said


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        (Defaults, {"reader": "A B"}, "reader 'A B': give initials: up to 16 letters, digits, _ and -, such as AB"),
        (LabelRow, {"name": "x", "color": "red"}, "color 'red': give a colour such as #e69f00"),
        (
            LabelRow,
            {"name": "x", "code": "1:2"},
            "code '1:2': give VALUE:SCHEME:MEANING, such as 108369006:SCT:Neoplasm",
        ),
        (LabelRow, {"name": ""}, "name '': give at least 1 letters"),
        (Case, {"name": "a", "series": "a", "due": "soon"}, "due 'soon': give a day such as 2026-12-01"),
        (Row, {"series": "a\0"}, "series 'a\\x00': give a text without a NUL"),
    ],
)
def test_texts_of_a_form_say_which(model, given, said):
    with pytest.raises(ValidationError) as refused:
        model.model_validate(given)
    assert errors.why_invalid(refused.value) == said


def test_what_is_no_json_is_said_in_our_words():
    with pytest.raises(ValidationError) as refused:
        Zoo.model_validate_json(b'{"animal": ')
    assert errors.why_invalid(refused.value).startswith("it is no JSON, or was cut off (")


@pytest.mark.parametrize(("said", "told"), [
    ("Exception thrown in SimpleITK ImageFileReader_Execute: /tmp/itk/itkImageBase.hxx:145:\n"
     "ITK ERROR: Image(0x55a28c695d80): Bad direction, determinant is 0. Refusing 1 0 0\n0 1 0\n0 0 1\n",
     "Bad direction, determinant is 0. Refusing 1 0 0"),
    ("Exception thrown in SimpleITK X: /tmp/IO/NRRD/src/itkNrrdImageIO.cxx:410:\n"
     "itk::ERROR: NrrdImageIO(0x55A28C73D980): ReadImageInformation: Error reading /tmp/b.nrrd:\n"
     '[nrrd] nrrdLoad: trouble reading "/tmp/b.nrrd"\n[nrrd] _nrrdRead: trouble\n'
     "[nrrd] _nrrdReadNrrdParse_spacings: parsed 2 values, but dimension is 3\n",
     "parsed 2 values, but dimension is 3"),
    ("Exception thrown in SimpleITK X: /work/src/sitkImageReaderBase.cxx:239:\nsitk::ERROR: Unknown PixelType",
     "Unknown PixelType"),
    ("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory\nframe #0: foo(int)",
     "err == 0. DefaultCPUAllocator: can't allocate memory"),
    ("Error(s) in loading Net:\n\tsize mismatch for a", "Error(s) in loading Net: size mismatch for a"),
    ("<Thing object at 0x7f33aa00beef> is bad:", "<Thing object> is bad"),
    ("", "no reason is given"),
    ("x" * 900, "x" * 200),
])  # fmt: skip
def test_what_libraries_say_is_told_without_what_is_for_programmers(said, told):
    assert errors.why_failed(RuntimeError(said)) == told
