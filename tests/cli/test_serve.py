"""`volsweep serve` as it is typed: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest
import requests
from support.ports import free_port
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.errors import SettingsError, VolsweepError

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")


def test_it_prints_an_address_answers_there_and_ends_when_told(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "volsweep", "serve", str(tmp_path), "--port", str(port)]
    import os

    environment = {**os.environ, "VOLSWEEP_DATA": str(tmp_path / "data")}
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        address = running.stdout.readline().strip()
        found = re.fullmatch(rf"(http://127\.0\.0\.1:{port})/#token=([\w-]{{40,}})", address)
        assert found, address + running.stderr.read() if running.poll() is not None else address
        end = time.monotonic() + 240
        while True:
            try:
                answer = requests.get(f"{found[1]}/api/v1", headers={"authorization": f"Bearer {found[2]}"}, timeout=99)
                break
            except requests.exceptions.ConnectionError:
                assert running.poll() is None
                assert time.monotonic() < end
                time.sleep(0.1)
        assert answer.json()["folders"] == [tmp_path.name]
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=240)
        assert "Traceback" not in told
        assert found[2] not in told
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize(("given", "text"), [
    (["--host", "0.0.0.0"], "nobody chose a token"),
    (["--token-file", "missing"], "cannot be read"),
    (["--finder", "http://127.0.0.1:9"], "nothing was sent"),
    (["--finder", "no-such-folder"], "holds no open_clip_config.json"),
    (["--send-voxels"], "name it with --finder"),
])  # fmt: skip
def test_what_it_refuses(tmp_path, given, text, monkeypatch):
    monkeypatch.delenv("VOLSWEEP_SERVER_TOKEN", raising=False)
    with pytest.raises(VolsweepError, match=text):
        CliRunner().invoke(app, ["serve", str(tmp_path), *given], catch_exceptions=False)


def test_a_token_of_the_environment_that_is_short(tmp_path, monkeypatch):
    monkeypatch.setenv("VOLSWEEP_SERVER_TOKEN", "secret")
    with pytest.raises(SettingsError, match="characters"):
        CliRunner().invoke(app, ["serve", str(tmp_path)], catch_exceptions=False)


def test_a_file_that_holds_no_token(tmp_path):
    (tmp_path / "token").write_text("two words\nand lines")
    with pytest.raises(SettingsError, match="holds no token"):
        CliRunner().invoke(
            app, ["serve", str(tmp_path), "--token-file", str(tmp_path / "token")], catch_exceptions=False
        )
