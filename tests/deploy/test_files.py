"""What runs Volsweep elsewhere says what Volsweep takes here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.io import read_labels

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
COMMAND = json.loads((DEPLOY / "xnat" / "command.json").read_text(encoding="utf-8"))
BOX = "lesion=1@20:55,98,86,126"


def words(values: dict[str, str], mounts: dict[str, str]) -> list[str]:
    """The command line as XNAT makes it: flags and values in the place of keys, mounts where they are."""
    line = COMMAND["command-line"]
    for given in COMMAND["inputs"]:
        value = values.get(given["name"], given.get("default-value", ""))
        line = line.replace(given["replacement-key"], f"{given['command-line-flag']} {value}" if value else "")
    assert "#" not in line
    return [
        next((word.replace(path, there) for path, there in mounts.items() if word.startswith(path)), word)
        for word in line.split()
    ]


def test_xnats_command_is_whole():
    assert COMMAND["type"] == "docker"
    assert COMMAND["network"] == "none"
    mounts = {mount["name"] for mount in COMMAND["mounts"]}
    outputs = {output["name"] for output in COMMAND["outputs"]}
    assert {output["mount"] for output in COMMAND["outputs"]} <= mounts
    (wrapper,) = COMMAND["xnat"]
    known = {one["name"] for one in wrapper["external-inputs"]}
    for derived in wrapper["derived-inputs"]:
        assert derived["derived-from-wrapper-input"] in known
        assert derived["provides-files-for-command-mount"] in mounts
        known.add(derived["name"])
    for handler in wrapper["output-handlers"]:
        assert handler["accepts-command-output"] in outputs
        assert handler["as-a-child-of"] in known
    for mount in COMMAND["mounts"]:
        assert mount["path"] in COMMAND["command-line"]
    told = CliRunner().invoke(app, ["segment", "--help"], env={"COLUMNS": "200"}).output
    for flag in re.findall(r"--[a-z-]+", " ".join(words({"box": BOX, "series": "1.2"}, {}))):
        assert flag in told


@pytest.mark.integration
def test_xnats_command_runs(tmp_path):
    mounts = {"/input": str(REPOSITORY / "sample_data" / "ct_phantom"), "/output": str(tmp_path)}
    line = words({"box": BOX}, mounts)
    assert line[0] == "volsweep"
    done = CliRunner().invoke(app, [*line[1:], "--range", "18:22"], catch_exceptions=False)
    assert done.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.seg.dcm", "preview.png", "report.json"]
    found = read_labels(tmp_path / "labels.seg.dcm", source=mounts["/input"])
    assert found.array_zyx.any()
    assert found.labels[1].name == "lesion"
    assert np.unique(np.nonzero(found.array_zyx)[0]).tolist() == [18, 19, 20, 21, 22]


def test_both_images_install_as_the_pages_say():
    script = (DEPLOY / "install.sh").read_text(encoding="utf-8")
    page = (REPOSITORY / "docs" / "install.md").read_text(encoding="utf-8")
    lines = re.findall(r"python -m pip install (.*)", page)[:3]
    assert len(lines) == 3
    for line in lines:
        packages, _, index = line.partition(" --index-url ")
        assert f"pip install --no-cache-dir {packages}" in script
        assert index in script
    subprocess.run(["sh", "-n", str(DEPLOY / "install.sh")], check=True)
    for name in ("Containerfile", "volsweep.def"):
        assert "install.sh" in (DEPLOY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["Containerfile", "volsweep.def", "README.md"])
def test_commands_that_they_name_are_there(name):
    text = (DEPLOY / name).read_text(encoding="utf-8").replace("\\\n", " ").replace("#  ", " ")
    flags = set(re.findall(r"(?<!\S)--[a-z][a-z-]+", text))
    known = "".join(
        CliRunner().invoke(app, [*call, "--help"], env={"COLUMNS": "200"}).output
        for call in ([], ["segment"], ["serve"], ["batch", "run"])
    )
    others = {"--wheel", "--rm", "--network", "--nv"}  # of python -m build, podman and apptainer
    assert flags - others
    for flag in flags - others:
        assert flag in known, flag


def test_what_is_copied_into_an_image_is_there():
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    (copied,) = re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE)
    for path in copied.split():
        assert path.startswith("dist/") or (REPOSITORY / path).is_file()
    user = re.search(r"^USER (\d+):", text, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
    assert text.rindex("USER ") > text.rindex("RUN ")


@pytest.mark.integration
def test_the_containerfile_is_linted():
    program = shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed (the extra `integration`)")
    done = subprocess.run([program, str(DEPLOY / "Containerfile")], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout
