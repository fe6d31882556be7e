"""What `tools/make-bundle` puts together, without building one: what is collected, its licences, how it starts."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bundle():
    spec = importlib.util.spec_from_file_location("bundle", ROOT / "tools" / "bundle.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements" / "bundle.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_the_lock_holds_all_that_is_asked_for_in_versions_that_are_allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *extras["napari"], *extras["serve"], *extras["surfaces"]]
    asked = [r for r in map(Requirement, texts) if r.marker is None or r.marker.evaluate()]
    versions = locked()
    assert len(asked) > 25
    for one in asked:
        version = versions.get(canonicalize_name(one.name))
        assert version is not None, f"{one.name} is missing: run tools/make-bundle --lock"
        assert one.specifier.contains(version), (
            f"{one} is asked for, and {version} locked: run tools/make-bundle --lock"
        )


def test_the_lock_and_the_pins_of_the_tests_agree():
    pins = (ROOT / "requirements" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in pins if line and not line.startswith("#"))
    assert pinned.items() <= locked().items()


def test_the_command_line_says_where_and_of_what(bundle, capsys):
    asked = bundle.arguments(["-o", "there", "--python", "/opt/python", "--no-archive"])
    assert (asked.output, asked.python, asked.no_archive, asked.lock) == (
        Path("there"),
        Path("/opt/python"),
        True,
        False,
    )
    with pytest.raises(SystemExit):
        bundle.arguments(["--elsewhere"])
    assert "--elsewhere" in capsys.readouterr().err


def test_a_python_is_copied_without_what_nobody_imports_and_runs_where_it_lies(bundle, tmp_path):
    prefix = tmp_path / "prefix"
    library = prefix / "lib" / "python3.11"
    kept = ("os.py", "json/__init__.py", "json/test/kept.py")
    for name in (*kept, "test/regrtest.py", "site-packages/other/__init__.py", "EXTERNALLY-MANAGED"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text("")
    (prefix / "bin").mkdir()
    shutil.copy2("/bin/sh", prefix / "bin" / "python3.11")
    bundle.copy_python(prefix, tmp_path / "made")
    made = {p.relative_to(tmp_path / "made").as_posix() for p in (tmp_path / "made").rglob("*") if p.is_file()}
    assert made == {"bin/python3", *(f"lib/python3.11/{name}" for name in kept)}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads files of Linux")
def test_libraries_of_the_desktop_stay_its_own_and_others_are_carried(bundle, tmp_path):
    for name in ("libc.so.6", "libstdc++.so.6", "libGL.so.1", "libX11-xcb.so.1", "ld-linux-x86-64.so.2"):
        assert bundle.OF_THE_SYSTEM.match(name), name
    for name in ("libssl.so.3", "libxcb-cursor.so.0", "libffi.so.8", "libcap.so.2", "libmd.so.0", "libutility.so.1"):
        assert not bundle.OF_THE_SYSTEM.match(name), name
    import _ssl

    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "note.so.txt").write_text("no program")
    copy = shutil.copy2(_ssl.__file__, tmp_path / "lib")
    assert bundle.programs_in(tmp_path) == [Path(copy)]
    carried = bundle.to_carry(tmp_path)[Path(copy)]
    assert any(name.startswith("libssl") for name in carried)
    assert not any(name.startswith("libc.") for name in carried)
    assert tuple(map(int, bundle.oldest_libc(tmp_path).split("."))) >= (2, 2)


def package(site: Path, name: str, head: str, files: dict[str, str]) -> None:
    folder = site / f"{name}-1.0.dist-info"
    for file, text in {"METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{head}", **files}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    there = [p.relative_to(site).as_posix() for p in folder.rglob("*") if p.is_file()]
    (folder / "RECORD").write_text("".join(f"{path},,\n" for path in there))


def test_licences_are_listed_with_their_texts(bundle, tmp_path, monkeypatch):
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "LGPL-3").write_text("lesser")
    monkeypatch.setattr(bundle, "COMMON", tmp_path / "common")
    site = tmp_path / "python" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (site.parent / "LICENSE.txt").write_text("of Python")
    package(
        site, "one", "License-Expression: MIT\n", {"licenses/LICENSE": "may be used", "licenses/NOTICE.txt": "thanks"}
    )
    package(site, "two", "Classifier: License :: OSI Approved :: BSD License\nLicense: a page of it\n", {})
    package(site, "three", "License: Apache 2\n", {"COPYING": "as is", "licence_check.py": "code"})
    bundle.write_licences(tmp_path, site, [])
    rows = [line.split(None, 2) for line in (tmp_path / "LICENSES.txt").read_text().splitlines()]
    assert [row[0] for row in rows] == ["Python", "one", "three", "two"]
    assert [row[2] for row in rows[1:]] == ["MIT", "Apache 2", "BSD License"]
    folder = tmp_path / "LICENSES"
    found = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}
    assert found == {
        "Python.txt": "of Python",
        "one/LICENSE": "may be used",
        "one/1-NOTICE.txt": "thanks",
        "three/COPYING": "as is",
        "common/LGPL-3": "lesser",
    }


def test_every_package_of_the_lock_tells_its_licence_here(bundle):
    """What cannot be named would have to be left out of a bundle; those here are of the same versions."""
    names = {canonicalize_name(one.name): one for one in metadata.distributions()}
    told = {name: bundle.licence_of(names[name]) for name in locked() if name in names}
    assert len(told) > 100
    unknown = sorted(name for name, licence in told.items() if licence.startswith("see its folder"))
    assert [name for name in unknown if not bundle.licence_texts(names[name])] == []


@pytest.mark.skipif(sys.platform == "win32", reason="a launcher of sh")
def test_the_launcher_runs_its_own_python_from_wherever_it_is_called(bundle, tmp_path):
    there = tmp_path / "a folder" / "volsweep"
    (there / "python" / "bin").mkdir(parents=True)
    program = there / "python" / "bin" / "python3"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@" "${PYTHONPATH-none}" "$PYTHONSAFEPATH"\n')
    program.chmod(0o755)
    bundle.write_launchers(there)
    (tmp_path / "link").symlink_to(there / "volsweep")
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/another/python"}
    call = {"env": env, "cwd": "/", "capture_output": True, "text": True, "check": True}
    told = subprocess.run([tmp_path / "link", "info", "two words"], **call).stdout
    assert told == "-m|volsweep|info|two words|none|1|"
    assert subprocess.run([there / "volsweep-window", "x"], **call).stdout == "-m|volsweep|gui|x|none|1|"


def test_the_recipe_for_other_systems_calls_what_there_is(bundle):
    recipe = yaml.safe_load((ROOT / "deploy" / "bundle" / "bundles.yml").read_text(encoding="utf-8"))
    (job,) = recipe["jobs"].values()
    assert {row["os"].split("-")[0] for row in job["strategy"]["matrix"]["include"]} == {"ubuntu", "windows", "macos"}
    lines = "\n".join(step.get("run", "") for step in job["steps"]).replace("${{ matrix.index }}", "INDEX")
    calls = [line.split("tools/bundle.py", 1)[1].split() for line in lines.splitlines() if "tools/bundle.py" in line]
    assert calls
    for call in calls:
        bundle.arguments(call)
