"""The README's Python and shell blocks run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from volsweep.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """A folder of a user's, outside any clone."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_block(somewhere, capsys):
    (code,) = blocks("python")
    assert len(code.strip().splitlines()) <= 12
    exec(compile(code, "README.md", "exec"), {})
    assert (somewhere / "lesion.nii.gz").is_file()
    assert re.search(r"\{1: \d+\} [0-9.e-]+\n$", capsys.readouterr().out)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_shell_block(somewhere, monkeypatch, capsys):
    commands = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ volsweep")]
    assert commands[0] == "volsweep demo", "the first thing that is typed"
    assert len(commands) == 4
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(commands[0], shell=True, env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    for command in commands[1:]:  # in this process, which has imported what takes longer than they do
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 0, capsys.readouterr().err
    made = {path.name for path in somewhere.iterdir()}
    assert made == {"demo", "tumour.nii.gz", "tumour.labels.json", "tumour.png", "tumour.json"}


def test_hospital_block_uses_commands_and_options_that_exist():
    """It needs an archive, so it does not run here; `tests/integration` runs each of its steps against one."""
    from typer.main import get_command

    from volsweep.cli import app

    install, block = blocks("shell")
    assert all(line.startswith("python -m pip install ") for line in install.splitlines())
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        command = get_command(app)
        for word in words[1:]:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
        known = {option for parameter in command.params for option in parameter.opts}
        asked = {word for word in words if re.match("--?[a-z]", word)}
        assert words[0] == "volsweep"
        assert not hasattr(command, "commands"), line
        assert asked <= known, line


def test_local_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(links) > 4
    missing = [link for link in links if not (REPOSITORY / link).exists()]
    assert not missing
