"""Where a server may listen, and by which names it goes."""

from __future__ import annotations

import pytest

from volsweep.errors import InputError, SettingsError
from volsweep.serve.options import Options, check_binding, folders_named

LONG = "x" * 32


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_this_machine_alone_needs_nothing(host):
    assert check_binding(host, 80, "") is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.4", "gpu.example", ""])
def test_others_need_a_token_and_are_told_of_tls(host):
    with pytest.raises(SettingsError, match="TLS"):
        check_binding(host, 80, "")
    assert "ssh -L 80" in str(check_binding(host, 80, LONG))


def test_a_token_that_can_be_guessed_is_refused_everywhere():
    for host in ("127.0.0.1", "0.0.0.0"):
        with pytest.raises(SettingsError, match="6 characters"):
            check_binding(host, 80, "secret")


def test_a_drawn_token_is_long_new_and_told_to_no_log():
    one, two = Options(), Options()
    assert one.token != two.token
    assert len(one.token) >= 40
    assert one.token not in repr(one)
    assert one.address.partition("#")[2] == f"token={one.token}"


def test_names():
    options = Options(host="0.0.0.0", port=80, names=("Volsweep.example", "other:8443"))
    assert {"volsweep.example", "other:8443", "127.0.0.1:80", "localhost:80"} <= options.hosts
    assert "volsweep.example:80" not in options.hosts
    assert "[::1]:9" in Options(host="::1", port=9).hosts


def test_folders_of_one_name_are_told_apart(tmp_path):
    for each in ("a/ct", "b/ct"):
        (tmp_path / each).mkdir(parents=True)
    assert list(folders_named([tmp_path / "a/ct", tmp_path / "b/ct"])) == ["ct", "ct (2)"]
    assert list(folders_named([])) == ["samples"]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="no folder"):
        folders_named([tmp_path / "file"])
