"""Models are found by name or file; a yaml is plain values within bounds, and says what SAM 2's own reader says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from volsweep.errors import ModelError
from volsweep.models import MODELS, checkpoint_path, find_model, verify
from volsweep.models.find import read_architecture


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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("volsweep-nano", "volsweep-nano"),
        ("SAM2.1_hiera_base_plus", "sam2.1-base-plus"),
        ("sam2.1-hiera-tiny", "sam2.1-tiny"),
        ("MedSAM2_CTLesion", "medsam2-ctlesion"),
        ("MedSAM2_MRI_LiverLesion", "medsam2-mri-liverlesion"),
    ],
)
def test_upstream_names_are_understood(name, expected):
    assert find_model(name).id == expected


def test_unknown_name_suggests_the_closest_and_lists_all():
    with pytest.raises(ModelError, match=r"'sam2-tiny'; did you mean sam2\.1-tiny\? .*volsweep-nano.*medsam2-2411"):
        find_model("sam2-tiny")
    with pytest.raises(ModelError, match="there is no model 'zzz'; known are"):
        find_model("zzz")


class TestLocalCheckpoint:
    @pytest.fixture
    def weights(self, tmp_path: Path) -> Path:
        path = tmp_path / "mine.pt"
        path.write_bytes(b"weights")
        return path

    def test_with_its_yaml_beside_it(self, weights):
        weights.with_suffix(".yaml").write_text("zoom: 1.8\nmodel:\n  image_size: 256\n")
        spec = find_model(weights)
        assert (spec.id, spec.family, spec.image_size, spec.zoom) == ("mine", "local", 256, 1.8)
        assert spec.config_path == weights.with_suffix(".yaml")
        assert checkpoint_path(spec) == weights
        assert verify(spec).trust == "none"

    @pytest.mark.parametrize("said", ["", "licence: [Apache-2.0]\n", f"licence: {'x' * 81}\n", 'licence: "a\\nb"\n'])
    def test_a_licence_that_no_yaml_says_is_not_known(self, weights, said):
        weights.with_suffix(".yaml").write_text(f"{said}model:\n  image_size: 256\n")
        assert find_model(weights).licence == "LicenseRef-unknown"

    def test_a_licence_is_what_its_yaml_says(self, weights):
        weights.with_suffix(".yaml").write_text("licence: MIT\nmodel:\n  image_size: 256\n")
        assert (spec := find_model(weights)).licence == "MIT"
        assert spec.licence_note == "A local file, as mine.yaml beside it says."

    def test_what_was_tuned_before_yamls_said_of_what_has_the_licence_of_its_first_ancestor(self, weights):
        weights.with_suffix(".yaml").write_text("model:\n  image_size: 256\n")
        notes = weights.with_name("learned.json")
        notes.write_text('{"parent": "volsweep-nano"}')
        assert (spec := find_model(weights)).licence == MODELS["volsweep-nano"].licence
        assert spec.licence_note == "Tuned from volsweep-nano, whose licence it has, as learned.json beside it says."
        parent = weights.parents[1] / "volsweep-nano-learned-1"
        parent.mkdir()
        notes.rename(parent / "learned.json")
        notes.write_text('{"parent": "volsweep-nano-learned-1"}')
        assert find_model(weights).licence == MODELS["volsweep-nano"].licence

    @pytest.mark.parametrize("said", ["", "[]", '{"parent": "theirs"}', '{"parent": "mine"}', '{"parent": "../x"}'])
    def test_notes_that_name_no_registered_ancestor_give_no_licence(self, tmp_path, said):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "mine.pt").write_bytes(b"weights")
        (tmp_path / "mine" / "mine.yaml").write_text("model:\n  image_size: 256\n")
        (tmp_path / "mine" / "learned.json").write_text(said)
        assert find_model(tmp_path / "mine" / "mine.pt").licence == "LicenseRef-unknown"

    def test_with_a_registered_architecture(self, weights):
        spec = find_model(str(weights), config="sam2.1_hiera_small")
        assert spec.config_path == MODELS["sam2.1-small"].config_path
        assert (spec.image_size, spec.zoom) == (1024, None)
        assert find_model(weights, config="volsweep-nano").zoom == MODELS["volsweep-nano"].zoom

    def test_with_another_yaml(self, weights, tmp_path):
        other = tmp_path / "other.yaml"
        other.write_text("model: {image_size: 512}\n")
        assert find_model(weights, config=other).config_path == other

    def test_without_a_yaml(self, weights):
        with pytest.raises(ModelError, match=r"put mine\.yaml beside it, or name the registered model"):
            find_model(weights)

    @pytest.mark.parametrize("text", ["model: {}\n", "- 1\n", "model: [\n", "model: {image_size: big}\n", ""])
    def test_with_a_bad_yaml(self, weights, text):
        weights.with_suffix(".yaml").write_text(text)
        with pytest.raises(ModelError, match=r"is not a model's yaml"):
            find_model(weights)

    def test_with_an_unknown_config(self, weights):
        with pytest.raises(ModelError, match="config 'nope' is neither"):
            find_model(weights, config="nope")

    def test_that_does_not_exist(self, tmp_path):
        with pytest.raises(ModelError, match="there is no checkpoint"):
            find_model(tmp_path / "gone.safetensors")

    def test_that_is_not_weights(self, tmp_path):
        (tmp_path / "image.nii.gz").write_bytes(b"")
        with pytest.raises(ModelError, match="is not a checkpoint"):
            find_model(tmp_path / "image.nii.gz")

    def test_registered_models_take_no_config(self):
        with pytest.raises(ModelError, match="brings its own architecture"):
            find_model("sam2.1-tiny", config="sam2.1-small")


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-here/net", "a\0b"])
def test_names_that_cannot_be_paths(name):
    with pytest.raises(ModelError, match=r"neither a model nor a path|no model"):
        find_model(name)
