"""The registry: what is in it, how models are found, and what a bad name is answered with."""

from __future__ import annotations

import subprocess
import sys

import pytest

from volsweep.errors import ModelError
from volsweep.models import DEFAULT_MODEL, MODELS, checkpoint_path, find_model, sha256_of, verify
from volsweep.models.registry import digest_of


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


def test_missing_weights_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("VOLSWEEP_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match=r"volsweep models download sam2\.1-tiny .*sam2\.1_hiera_tiny\.pt") as error:
        checkpoint_path(find_model("sam2.1-tiny"))
    assert str(tmp_path) in str(error.value)


def test_importing_models_loads_no_network_code_and_no_torch():
    heavy = ("torch", "requests", "pooch", "omegaconf")
    code = f"import sys, volsweep.models; print([m for m in {heavy} if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_a_model_of_ones_own_is_its_weights_and_its_yaml(tmp_path):
    nano = find_model("volsweep-nano")
    assert digest_of(nano) == sha256_of(checkpoint_path(nano))
    mine, yaml = tmp_path / "mine.safetensors", tmp_path / "mine.yaml"
    mine.write_bytes(b"weights")
    yaml.write_bytes(nano.config_path.read_bytes())
    found = {digest_of(find_model(mine))}
    yaml.write_bytes(nano.config_path.read_bytes() + b"# another\n")
    found.add(digest_of(find_model(mine)))
    mine.write_bytes(b"others")
    found.add(digest_of(find_model(mine)))
    assert len(found) == 3
