"""The registry: what is in it, how models are found, and what a bad name is answered with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from volsweep.errors import ModelError
from volsweep.models import DEFAULT_MODEL, MODELS, checkpoint_path, find_model, verify


def test_what_is_registered():
    assert list(MODELS) == [
        "volsweep-nano",
        "sam2.1-tiny",
        "sam2.1-small",
        "sam2.1-base-plus",
        "sam2.1-large",
        "medsam2-latest",
        "medsam2-2411",
        "medsam2-ctlesion",
        "medsam2-mri-liverlesion",
    ]
    assert [spec.id for spec in MODELS.values() if spec.bundled] == [DEFAULT_MODEL]


@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
def test_every_model_is_complete(spec):
    assert spec.config_path.is_file()
    assert spec.licence
    assert spec.citation
    assert spec.bundled or spec.url.startswith("https://")
    if spec.sha256 is not None:
        assert len(bytes.fromhex(spec.sha256)) == 32
    assert spec.sha256 is not None or spec.family == "medsam2"


def test_no_two_models_share_a_file():
    names = [spec.file_name for spec in MODELS.values()]
    assert len(set(names)) == len(names)


def test_bundled_network_is_the_registered_one():
    """After training a new network, put its sha256 and size into registry.py."""
    spec = find_model(DEFAULT_MODEL)
    verified = verify(spec)
    assert verified.trust == "published"
    assert verified.path.stat().st_size == spec.size_bytes


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
    with pytest.raises(ModelError, match="there is no model 'zzz'; Known models"):
        find_model("zzz")


def test_missing_weights_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("VOLSWEEP_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match=r"volsweep models download sam2\.1-tiny .*sam2\.1_hiera_tiny\.pt") as error:
        checkpoint_path(find_model("sam2.1-tiny"))
    assert str(tmp_path) in str(error.value)


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


def test_importing_models_loads_no_network_code_and_no_torch():
    heavy = ("torch", "requests", "pooch", "omegaconf")
    code = f"import sys, volsweep.models; print([m for m in {heavy} if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-here/net", "a\0b"])
def test_names_that_cannot_be_paths(name):
    with pytest.raises(ModelError, match=r"neither a model nor a path|no model"):
        find_model(name)
