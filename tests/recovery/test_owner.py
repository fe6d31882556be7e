"""Who works on a session: a lock of the operating system, and the machine's name."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock
from napari.components import ViewerModel
from napari.layers import Layer
from support.napari_fakes import FakeSession, InlineRunner, draw

from volsweep.cases.phantoms import sample
from volsweep.napari.contributions.reader import read
from volsweep.napari.controller import Controller
from volsweep.napari.recovery.autosave import Autosave
from volsweep.napari.recovery.unfinished import unfinished
from volsweep.recovery.owner import Owner, is_worked_on


def test_it_is_held_until_it_is_left(tmp_path):
    assert not is_worked_on(tmp_path)
    owner = Owner(tmp_path)
    assert is_worked_on(tmp_path)
    owner.leave()
    assert not is_worked_on(tmp_path)


@pytest.mark.parametrize("begin", [Owner, is_worked_on])
def test_who_asks_at_the_same_moment_hinders_neither_an_owner_nor_who_asks(tmp_path, begin):
    """Asking holds the lock for a moment: an owner that met it was told that the folder could not be written."""
    (tmp_path / "owner").write_bytes(b"")
    asked = FileLock(tmp_path / "owner.lock", timeout=5)
    asked.acquire()
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(begin, tmp_path)
        time.sleep(0.02)
        asked.release()
        found = begun.result(timeout=5)
    assert is_worked_on(tmp_path) == isinstance(found, Owner)


def test_it_may_be_left_in_another_thread_than_it_was_taken_in(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        owner = pool.submit(Owner, tmp_path).result(timeout=5)
    owner.leave()
    again = FileLock(tmp_path / "owner.lock", timeout=0.1)
    again.acquire()
    again.release()


def test_another_process_holds_it_until_it_dies(tmp_path):
    code = f"""
import time
from pathlib import Path
from volsweep.recovery.owner import Owner
owner = Owner(Path({str(tmp_path)!r}))
print("held", flush=True)
time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        assert is_worked_on(tmp_path)
        other.send_signal(signal.SIGKILL)
        other.wait(120)
        end = time.monotonic() + 120
        while is_worked_on(tmp_path) and time.monotonic() < end:
            time.sleep(0.05)
        assert not is_worked_on(tmp_path)
    finally:
        other.kill()
        other.stdout.close()


def test_a_number_of_a_process_that_lives_says_nothing(tmp_path):
    """As it was written before there was a lock; the number may be anybody's by now."""
    (tmp_path / "owner").write_text(str(os.getpid()))
    assert not is_worked_on(tmp_path)


def test_what_another_machine_may_have_open_is_left_alone(tmp_path):
    """A home folder that two machines share: an empty journal there is not ours to clear away."""
    folder = tmp_path / "20260101-120000-1-1"
    folder.mkdir()
    (folder / "owner").write_text("the-other-workstation")
    (folder / "session.json").write_text("{}")
    (folder / "journal.jsonl").write_text("")
    assert unfinished(tmp_path) == []
    assert folder.is_dir()


def test_a_name_that_never_reached_the_disk_keeps_nobody_out(tmp_path):
    """Of a process that was killed just then, or a full disk; the lock says whether somebody works there."""
    (tmp_path / "owner").write_bytes(b"")
    assert not is_worked_on(tmp_path)
    owner = Owner(tmp_path)
    (tmp_path / "owner").write_bytes(b"")
    assert is_worked_on(tmp_path)
    owner.leave()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            Owner(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "owner").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_its_owner_may_look_into_a_session(tmp_path):
    before = os.umask(0o022)
    try:
        controller = Controller(ViewerModel(), InlineRunner(), FakeSession)
        autosave = Autosave(controller, tmp_path / "sessions")
        image = Layer.create(*read(str(sample().series))[0])
        controller.viewer.layers.append(image)
        controller.open(image)
        draw(controller)
        controller.sweep(slices=(4, 6))
        autosave.flush()
    finally:
        os.umask(before)
    assert stat.S_IMODE(autosave.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(autosave.folder.parent.stat().st_mode) == 0o700
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in autosave.folder.iterdir()}
    assert {"session.json", "journal.jsonl", "owner", "sweep-1.npz"} <= set(files)
    assert set(files.values()) == {0o600}
