"""Every exit code of docs/exit_codes.md, from the command as a shell runs it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.models import checkpoint_path, find_model

PAGE = Path(__file__).resolve().parents[2] / "docs" / "exit_codes.md"
CT = sample("ct_phantom")
BOX = "lesion=1@20:55,98,86,126"


@pytest.fixture
def code_of(call, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> int:
        code, run.out, run.err = call(*arguments)
        return code

    return run


def test_the_page_lists_them():
    codes = re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "130", "143"]


def test_info(code_of, tmp_path):
    assert code_of("info", "sample:ct_phantom") == 0
    labels = volsweep.read_labels(CT.truth, source=CT.series)
    volsweep.write_labels(tmp_path / "x.seg.dcm", labels)
    assert code_of("info", "x.seg.dcm") == 1, "nothing of it can be segmented"
    assert "a segmentation, not an image" in code_of.err
    assert "--prompts" in code_of.err


def test_a_dry_run_of_rows_that_cannot_run(code_of, tmp_path):
    row = {"series": "sample", "prompts": f"box {BOX}"}
    good = row | {"series": str(CT.series), "output": "a"}
    (tmp_path / "m.json").write_text(json.dumps([good]))
    assert code_of("batch", "run", "m.json", "-o", "out", "--dry-run") == 0
    (tmp_path / "m.json").write_text(json.dumps([good, row]))
    assert code_of("batch", "run", "m.json", "-o", "out", "--dry-run") == 1
    assert "1 series would be run" in code_of.out
    assert "1 of 2 series cannot run" in code_of.err
    assert code_of("batch", "run", "m.json", "-o", "out", "--dry-run", "--json") == 1
    told = json.loads(code_of.out)
    assert (told["would_run"], told["cannot_run"]) == (1, 1)
    assert code_of("batch", "check", "m.json", "--json") == 1
    (wrong,) = json.loads(code_of.out)["problems"]
    assert "does not exist" in wrong["problems"][0]


def test_nothing_found(code_of, tmp_path):
    negative = ("--point", "1@20:70,112,-", "--range", "19:21")
    assert code_of("segment", CT.series, "-o", "x.nii.gz", *negative, "-q") == 3
    assert "nothing was found" in code_of.err
    assert not np.asarray(volsweep.read_labels(tmp_path / "x.nii.gz").array_zyx).any()


def test_weights_without_a_hash(code_of, tmp_path):
    nano = checkpoint_path(find_model("volsweep-nano"))
    assert code_of("models", "verify", "volsweep-nano") == 0
    (tmp_path / "mine.safetensors").write_bytes(nano.read_bytes())
    (tmp_path / "mine.yaml").write_bytes(find_model("volsweep-nano").config_path.read_bytes())
    assert code_of("models", "verify", "mine.safetensors") == 3
    assert "matches" not in code_of.out
    assert "nothing was verified" in code_of.out
    assert code_of("models", "verify", "mine.safetensors", "--json") == 3
    assert json.loads(code_of.out)["matches"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def _hears_ctrl_c() -> None:
    """A suite that was started in a shell's background is deaf to it, and so would be its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_the_loop_of_a_shell():
    """The command is ended by the signal itself, which is how a shell knows that its loop is to end."""
    ask = "import sys; sys.argv = ['volsweep', 'segment', 'sample:ct_phantom', '-o', '/nonexistent/x.nii']; "
    wait = "import volsweep.job.run as job, time; job.run_job = lambda *_: (print('on', flush=True), time.sleep(60)); "
    box = f"sys.argv += ['--box', '{BOX}']; "
    code = f"{ask}{box}{wait}from volsweep.cli import main; main()"
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True, preexec_fn=_hears_ctrl_c
    )
    assert process.stdout.readline() == "on\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=500)
    assert process.returncode == -signal.SIGINT
    assert "stopped" in said
    assert "Traceback" not in said
