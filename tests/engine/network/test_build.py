"""A model's yaml makes SAM 2's classes and nothing else, whatever it names; weights go under the names of files."""

from __future__ import annotations

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from volsweep.engine.network.build import build, load_weights, names_in_file, names_in_network
from volsweep.errors import ModelError
from volsweep.models import MODELS, checkpoint_path, find_model
from volsweep.models.find import read_architecture

NANO = find_model("volsweep-nano")


@pytest.fixture
def described():
    return read_architecture(NANO.config_path)


@pytest.fixture
def written(tmp_path):
    """Writes a yaml, as text or as what it holds."""

    def write(content):
        path = tmp_path / "model.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "sam2.modeling.sam2_base.torch.load",
        "sam2.modeling.backbones.hieradet.torch.hub.load",
        "sam2.modeling.sam2_base.SAM2Base.__init__.__globals__",
        "sam2.modeling.sam2_utils.get_clones",
        "sam2.modeling.sam2_base.SAM2Base ",
        "${name}",
        "${oc.env:HOME}",
        ["sam2.modeling.sam2_base.SAM2Base"],
        None,
    ],
)
@pytest.mark.parametrize("where", ["root", "trunk", "aside"])
def test_nothing_but_sam2s_classes_is_made(described, written, tmp_path, monkeypatch, target, where):
    called = []
    monkeypatch.setattr("os.system", lambda *_: called.append("system"))
    monkeypatch.setattr(torch, "load", lambda *_, **__: called.append("load"))
    model = described["model"]
    described["name"] = "os.system"
    node = {"_target_": target, "command": f"touch {tmp_path / 'owned'}"}
    if where == "root":
        model["_target_"] = target
    elif where == "trunk":
        model["image_encoder"]["trunk"] = node
    else:
        model["sam_mask_decoder_extra_args"] = {"anything": [node]}
    with pytest.raises(ModelError):
        build(written(described))
    assert not called
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "setting",
    [
        {"weights_path": "evil"},
        {"_args_": [1]},
        {"_partial_": True},
        {"_recursive_": False},
        {"drop_path_rate": "../../evil.pt"},
        {"embed_dim": 10**12},
        {"embed_dim": float("nan")},
        {"no_such_setting": 1},
    ],
)
def test_settings_are_those_of_a_network(described, written, setting, monkeypatch):
    opened = []
    monkeypatch.setattr(torch, "load", lambda *args, **_: opened.append(args))
    described["model"]["image_encoder"]["trunk"].update(setting)
    with pytest.raises(ModelError):
        build(written(described))
    assert not opened


@pytest.mark.parametrize(
    ("where", "setting"),
    [
        (("image_encoder", "trunk"), {"embed_dim": 60_000}),
        (("image_encoder", "trunk"), {"stages": [1, 2, 9_000, 2]}),
        (("image_encoder", "trunk"), {"window_pos_embed_bkg_spatial_size": [30_000, 30_000]}),
        (("memory_attention",), {"num_layers": 900_000}),
        (("memory_attention",), {"num_layers": 60}),
        (("memory_encoder", "fuser"), {"num_layers": 900_000}),
    ],
)
def test_a_network_larger_than_any_is_not_made(described, written, where, setting):
    """A yaml of four kilobytes asks for a terabyte: it is refused before the memory is touched."""
    import resource

    if setting == {"num_layers": 60}:
        described["model"]["memory_attention"]["layer"]["dim_feedforward"] = 900_000
    node = described["model"]
    for name in where:
        node = node[name]
    node.update(setting)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=r"larger than any SAM 2|does not build"):
        build(written(described))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kB: one GiB


def test_python_tags_are_refused(written, tmp_path):
    path = written(f"model: !!python/object/apply:os.system ['touch {tmp_path / 'owned'}']\n")
    with pytest.raises(ModelError, match="not a model's yaml"):
        build(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("spec", {s.config_path: s for s in MODELS.values() if "large" not in s.id}.values())
def test_registered_models_are_built(spec):
    net = build(spec.config_path)
    assert net.image_size == spec.image_size
    assert (net.body_net is not None) == (spec.id == "volsweep-nano")
    assert not any(module.training for module in net.children())


def test_tensors_keep_their_names_in_files(tmp_path):
    net = build(NANO.config_path)
    load_weights(net, checkpoint_path(NANO))
    in_file = load_file(checkpoint_path(NANO))
    assert in_file.keys() == names_in_file(net.state_dict()).keys()
    assert any(name.startswith("foresight.") for name in in_file)
    assert names_in_network(names_in_file(net.state_dict())).keys() == net.state_dict().keys()
    for name, tensor in names_in_file(net.state_dict()).items():
        assert torch.equal(tensor, in_file[name].float())
    in_file.pop("no_mem_embed")
    save_file(in_file, tmp_path / "less.safetensors")
    with pytest.raises(ModelError, match="does not fit"):
        load_weights(net, tmp_path / "less.safetensors")
