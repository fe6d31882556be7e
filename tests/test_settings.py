"""Variables, folders and the log: each says what it decides, and no log says who the patient is."""

from __future__ import annotations

import codecs
import json
import logging
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep import enable_logging, settings
from volsweep.errors import InputError, SettingsError
from volsweep.io import read_volume

REPOSITORY = Path(__file__).resolve().parents[1]
PRIVATE = {
    "PatientName": "Quixote^Alonso",
    "PatientID": "LAMANCHA-1605",
    "PatientBirthDate": "15470929",
    "PatientAddress": "Argamasilla",
    "OtherPatientIDs": "ROCINANTE-7",
    "PatientComments": "sees-giants",
    "InstitutionName": "Hospital-Toboso",
    "ReferringPhysicianName": "Panza^Sancho",
    "OperatorsName": "Carrasco^Sanson",
    "StudyDescription": "windmill-study",
    "SeriesDescription": "barber-basin",
    "AccessionNumber": "BARATARIA9",
}


@pytest.fixture
def plain_logger():
    logger = logging.getLogger("volsweep")
    before = logger.level, list(logger.handlers)
    yield logger
    logger.setLevel(before[0])
    logger.handlers[:] = before[1]


def test_every_variable_is_in_the_table_and_in_the_docs():
    read = set()
    for path in (REPOSITORY / "src").rglob("*.py"):
        found = set(re.findall(r"VOLSWEEP_[A-Z0-9]+(?:_[A-Z0-9]+)*", path.read_text(encoding="utf-8")))
        read |= found - {"VOLSWEEP_DICOMWEB"}
    assert read <= set(settings.VARIABLES)
    page = (REPOSITORY / "docs" / "environment.md").read_text(encoding="utf-8")
    for name in settings.VARIABLES:
        assert f"`{name}`" in page, f"docs/environment.md does not tell of {name}"


def test_only_settings_reads_variables_of_ours():
    for path in (REPOSITORY / "src" / "volsweep").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "settings.py":
            assert not re.search(r"(environ|getenv)[^\n]*VOLSWEEP_", text), path


def test_folders_follow_their_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("VOLSWEEP_MODELS", str(tmp_path / "m"))
    monkeypatch.setenv("VOLSWEEP_DATA", str(tmp_path / "d"))
    assert settings.models_folder() == tmp_path / "m"
    assert settings.data_folder() == tmp_path / "d"
    monkeypatch.delenv("VOLSWEEP_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    if sys.platform == "linux":
        assert settings.models_folder() == tmp_path / "c" / "volsweep" / "models"


def test_without_a_home_what_needs_one_says_so(monkeypatch):
    def nowhere(*_args, **_keywords):
        return "~/.cache/volsweep"

    def homeless(self):
        raise RuntimeError("Could not determine home directory.")

    for name in ("VOLSWEEP_MODELS", "VOLSWEEP_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings, "user_cache_dir", nowhere)
    monkeypatch.setattr(settings, "user_data_dir", nowhere)
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert settings.cache_folder() is None
    with pytest.raises(SettingsError, match="VOLSWEEP_MODELS"):
        settings.models_folder()
    with pytest.raises(SettingsError, match="VOLSWEEP_DATA"):
        settings.data_folder()


@pytest.mark.parametrize(("asked", "kept"), [("", 0), ("0", 0), ("2.5", 2_500_000_000), ("-1", 0), ("nan", 0)])
def test_kept_features(monkeypatch, asked, kept):
    monkeypatch.setenv("VOLSWEEP_KEEP_FEATURES", asked)
    assert settings.kept_features_bytes() == kept


@pytest.mark.parametrize(("asked", "said"), [("", None), ("0", False), ("1", True)])
def test_bfloat16(monkeypatch, asked, said):
    monkeypatch.setenv("VOLSWEEP_BF16", asked)
    assert settings.bfloat16_asked() is said


def test_what_cannot_be_followed_is_refused_with_its_value(monkeypatch):
    monkeypatch.setenv("VOLSWEEP_BF16", "perhaps")
    with pytest.raises(SettingsError, match="perhaps"):
        settings.bfloat16_asked()
    with pytest.raises(SettingsError, match="loud"):
        enable_logging("loud")


@pytest.mark.parametrize(("asked", "offline"), [("", False), ("0", False), ("off", False), ("1", True), ("Yes", True)])
def test_offline(monkeypatch, asked, offline):
    monkeypatch.setenv("VOLSWEEP_OFFLINE", asked)
    assert settings.is_offline() is offline


def test_credentials_are_not_shown(monkeypatch):
    monkeypatch.setenv("VOLSWEEP_DICOMWEB_PASSWORD", "wichtig")
    assert settings.dicomweb_credentials().password == "wichtig"
    assert "wichtig" not in repr(settings.dicomweb_credentials())


def test_silent_until_asked_then_once(plain_logger, monkeypatch, capsys):
    monkeypatch.delenv("VOLSWEEP_LOG", raising=False)
    enable_logging()
    logging.getLogger("volsweep.io").info("nothing yet")
    assert capsys.readouterr().err == ""
    enable_logging("info")
    enable_logging("info")
    logging.getLogger("volsweep.io").info("said")
    logging.getLogger("volsweep.io").debug("not said")
    assert capsys.readouterr().err.count("said") == 1


def test_no_log_says_who_the_patient_is(tmp_path):
    def named(ds, _index):
        for keyword, value in PRIVATE.items():
            setattr(ds, keyword, value)

    write_series(tmp_path / "series", pattern(6, 32, 32), along(AXIAL, 6, 2.0), edit=named)
    command = ["segment", str(tmp_path / "series"), "-o", str(tmp_path / "o.nii.gz"), "--box", "1@3:8,8,20,20"]
    done = subprocess.run(
        [sys.executable, "-m", "volsweep", "-vv", *command, "--range", "2:4"],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    assert "read a volume of (6, 32, 32) voxels" in done.stderr
    assert re.search(r"volsweep\.\S+: sweep: \d", done.stderr)
    log = "\n".join(line for line in done.stderr.splitlines() if " volsweep." in line)
    for value in PRIVATE.values():
        for word in re.split(r"[\^]", value):
            assert word.lower() not in log.lower()


def test_new_folders_are_their_owners_and_those_that_are_there_stay(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    settings.own_folder(shared / "a" / "b")
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (shared, shared / "a", shared / "a" / "b")]
    assert modes == [0o755, 0o700, 0o700]


def test_what_may_never_end_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="a pipe, a device"):
            settings.read_regular(path)
    (tmp_path / "file").write_bytes(b"x")
    assert settings.read_regular(tmp_path / "file") == b"x"


def test_a_home_that_nobody_has_is_a_name_like_any_other(monkeypatch):
    assert settings.expanded("~no-such-user-9/x") == Path("~no-such-user-9/x")
    monkeypatch.setenv("HOME", "/home/me")
    assert settings.expanded("~/x") == Path("/home/me/x")
    with pytest.raises(InputError, match="~no-such-user-9/x does not exist"):
        read_volume("~no-such-user-9/x")


def test_a_folder_in_a_home_that_nobody_has_is_refused_rather_than_made_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOLSWEEP_MODELS", "~nobody-has-this-name/models")
    with pytest.raises(SettingsError, match=r"VOLSWEEP_MODELS is '~nobody-has-this-name/models', .*full path"):
        settings.models_folder()


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("0.0.0.0", False), ("pacs", False)],
)
def test_which_addresses_only_this_machine_reaches(host, here):
    assert settings.is_this_machine(host) is here


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_json_that_an_editor_saved_is_json(tmp_path, encoding):
    path = tmp_path / "s.json"
    text = '{"name": "L\u00e4sion"}'
    path.write_bytes((codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b"") + text.encode(encoding))
    assert json.loads(settings.read_json(path)) == {"name": "L\u00e4sion"}
    path.write_bytes(b"\xff\xfe{")
    assert settings.read_json(path) == b"\xef\xbf\xbd", "half a letter is no traceback"
