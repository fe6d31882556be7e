"""A model's yaml is plain values within bounds, and says what SAM 2's own reader takes it to say."""

from __future__ import annotations

import pytest
import yaml
from omegaconf import OmegaConf

from volsweep.errors import ModelError
from volsweep.models import MODELS
from volsweep.models.architecture import read_architecture


@pytest.fixture
def written(tmp_path):
    """Writes a yaml."""

    def write(text):
        path = tmp_path / "model.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("path", sorted({spec.config_path for spec in MODELS.values()}), ids=lambda path: path.stem)
def test_registered_yamls_mean_what_hydra_takes_them_to_mean(path):
    assert read_architecture(path) == OmegaConf.to_container(OmegaConf.load(path), resolve=True)


def test_shared_parts_are_copied_out(written):
    read = read_architecture(written("a: &a {x: [1, 2]}\nb: *a\n"))
    assert read == {"a": {"x": [1, 2]}, "b": {"x": [1, 2]}}
    assert read["a"]["x"] is not read["b"]["x"]


def test_what_yaml_wrote_is_read(written):
    content = {"model": {"image_size": 128, "names": ["a", "1"], "rate": 0.25, "on": True, "none": None}, "zoom": 2.2}
    assert read_architecture(written(yaml.safe_dump(content))) == content


def test_interpolations_and_tags_are_refused(written, tmp_path):
    with pytest.raises(ModelError, match="interpolation"):
        read_architecture(written("model: {size: '${oc.env:HOME}'}\n"))
    with pytest.raises(ModelError, match="not a model's yaml"):
        read_architecture(written(f"model: !!python/object/apply:os.system ['touch {tmp_path / 'owned'}']\n"))
    assert not (tmp_path / "owned").exists()
    with pytest.raises(ModelError, match="cannot be read as a model's yaml: No such file"):
        read_architecture(tmp_path / "none.yaml")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model:\n" + "  - x\n" * 40_000, "kB"),
        (BOMB, "aliases|unfolds"),
        ("a: &a [x, x, x, x, x, x, x, x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
         "d: [*c,*c,*c,*c,*c,*c,*c,*c]\n", "unfolds"),
        ("model: &m {image_size: 128, again: *m}\n", "unfolds"),
        ("model: " + "[" * 200 + "]" * 200, "nested"),
        ("model: " + "{a: " * 30 + "1" + "}" * 30, "nested"),
        ("- 1\n- 2\n", "mapping"),
        ("model: [", "not a model's yaml"),
        ("model: 2026-11-28\n", "neither a word nor a number"),
        ("1: {image_size: 128}\n", "word"),
    ],
)  # fmt: skip
def test_a_yaml_is_read_within_bounds(written, text, reason):
    path = written(text)
    with pytest.raises(ModelError, match=reason):
        read_architecture(path)


def test_numbers_are_read_as_sam2s_files_mean_them(written):
    read = read_architecture(written("a: 1e-6\nb: -1E3\nc: 10000\nd: 0.5\ne: true\nf: null\ng: relu\nh: [1, 2]\n"))
    assert read == {"a": 1e-6, "b": -1e3, "c": 10000, "d": 0.5, "e": True, "f": None, "g": "relu", "h": [1, 2]}
    assert isinstance(read["c"], int)
