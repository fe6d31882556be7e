"""What a user gets: the wheel, in an environment without the clone, and every block of README and docs run there.

torch and the other dependencies are those of the environment that runs the tests: what is tried is Volsweep's wheel
and what the pages say, not PyPI. ``console`` blocks and Python blocks run as they stand, page by page, in a folder
with what their page speaks of; ``shell`` and unnamed blocks need a server, patients or hours, so that their commands
are held against the options that there are.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
PAGES = [
    page
    for page in sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("*/*.md"), *REPOSITORY.glob("docs/*/*.md")])
    if BLOCK.search(page.read_text(encoding="utf-8"))
]
NEEDS_MORE = {
    "dask_jobqueue": "a cluster",
    "submitit": "a cluster",
    "address: str": "a server",
    "pacs.example": "a server",
    "head_ct/": "a head that nobody may pass on",
}
"""What Python blocks name that no test has."""
SLOW_TO_LOAD = {
    "torch",
    "sam2",
    "napari",
    "qtpy",
    "SimpleITK",
    "matplotlib",
    "highdicom",
    "scipy",
    "nibabel",
    "pydicom",
}


def blocks(page: Path, *languages: str) -> list[str]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [re.sub(rf"(?m)^{m[1]}", "", m[3]) for m in found if m[2] in languages]


def _id(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder of programs of a bare environment with the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True, timeout=1000)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False)
    programs = folder / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    python = programs / "python"
    own = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, timeout=1000)
    # Dependencies by path: files of ours that the tests' environment installs are no packages, and stay out.
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


@pytest.fixture
def user(installed, tmp_path, monkeypatch):
    """Someone in a folder of theirs: runs a line as a shell does, in the bare environment."""
    path = os.pathsep.join((str(installed), os.environ["PATH"]))
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VOLSWEEP"))}
    own |= {"PATH": path, "HOME": str(tmp_path / "home"), "NO_COLOR": "1"}

    def run(line: str | list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line,
            shell=isinstance(line, str),
            cwd=tmp_path,
            env=own | environment,
            capture_output=True,
            text=True,
            timeout=1000,
        )

    return run


def prepare(folder: Path, user) -> None:
    """What the pages speak of: an image and its contours, two studies, a manifest, cases."""
    assert user("volsweep demo --copy .").returncode == 0
    (folder / "ct_phantom").rename(folder / "image")
    (folder / "mask").mkdir()
    made = user("volsweep convert ct_phantom_truth.nii.gz mask/RS.dcm --source image --to rtstruct")
    assert made.returncode == 0, made.stderr
    for study in ("march", "june"):
        shutil.copytree(folder / "image", folder / study)
    made = user("volsweep convert ct_phantom_truth.nii.gz march.seg.dcm --source march")
    assert made.returncode == 0, made.stderr
    (folder / "manifest.csv").write_text('series,prompts,output,range\nimage,"box lesion=1@20:55,98,86,126",a,19:21\n')
    case = {"image": "image", "label": "ct_phantom_truth.nii.gz", "family": "phantom", "modality": "CT"}
    (folder / "mine.json").write_text(json.dumps([case]))


def test_it_is_the_wheel_that_answers(user, installed):
    told = user("""python -c "import volsweep, volsweep.cli; print(volsweep.__file__)" """)
    assert told.stdout.startswith(str(installed.parent)), told
    assert user("volsweep models verify volsweep-nano").returncode == 0
    assert "volsweep-nano.safetensors" in user("volsweep models path volsweep-nano").stdout


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_block_of_a_page(page, user, tmp_path):
    consoles, pythons = blocks(page, "console"), blocks(page, "python")
    if not consoles and not pythons:
        pytest.skip("nothing to run on this page")
    prepare(tmp_path, user)
    for block in consoles:
        for line in block.replace("\\\n", " ").splitlines():
            assert line.startswith("$ "), f"a console block shows what is typed behind a dollar: {line}"
            done = user(line.removeprefix("$ "))
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    for block in pythons:
        ast.parse(block)
        if not any(word in block for word in NEEDS_MORE):
            done = user(["python", "-c", block])
            assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_other_commands_use_what_there_is(page):
    from typer.main import get_command

    from volsweep.cli import app

    for line in "\n".join(blocks(page, "", "sh", "shell", "console", "bash")).replace("\\\n", " ").splitlines():
        line = line.strip().removeprefix("$ ")
        words = shlex.split(line, comments=True) if line.startswith(("volsweep ", "make ", "python ")) else []
        if words[:1] == ["make"]:
            assert re.search(rf"(?m)^{re.escape(words[1])}:", (REPOSITORY / "Makefile").read_text()), line
        if words[:1] == ["python"] and words[1].endswith(".py"):
            assert (REPOSITORY / words[1]).is_file(), line
        if words[:1] != ["volsweep"]:
            continue  # a tree of files, another program
        command = get_command(app)
        while words[1:] and words[1] in getattr(command, "commands", {}):
            command = command.commands[words.pop(1)]
        assert not hasattr(command, "commands"), line
        known = {option for parameter in command.params for option in parameter.opts}
        asked = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
        assert asked <= known, line


@pytest.mark.parametrize("line", ["volsweep --version", "volsweep --help", 'python -c "import volsweep"'])
def test_it_answers_without_what_is_slow_to_load(user, line):
    """How long it takes is told by benchmarks/start.py."""
    loaded = user(line, PYTHONPROFILEIMPORTTIME="1").stderr
    names = {row.rpartition("|")[2].strip().partition(".")[0] for row in loaded.splitlines() if "import time:" in row}
    assert "volsweep" in names
    assert not names & SLOW_TO_LOAD
