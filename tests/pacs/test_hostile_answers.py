"""Whatever a server answers, it ends in a result or a sentence, and nothing lies beyond the folder."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.errors import PacsError
from volsweep.pacs import Query, Server, find, pull, push

# The server's thread makes damaged objects with pydicom, which says so.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom.*")


@pytest.mark.parametrize("part", range(4))
def test_damaged_answers(pacs, slices, tmp_path, monkeypatch, part):
    from support import fake_pacs
    from support.mutations import any_bytes

    server, query = Server(pacs.url, timeout_s=2), Query(study=pacs.instances[0].StudyInstanceUID)
    (series,) = find(server, query)
    rng = np.random.default_rng([20261121, part])
    send = fake_pacs._Handler._send

    def damaged(self, status, body=b"", headers=None, cut=None):
        if body and rng.random() < 0.5:
            body = any_bytes(rng, body)
        send(self, status, body, headers, cut)

    monkeypatch.setattr(fake_pacs._Handler, "_send", damaged)
    ended = {"result": 0, "refused": 0}
    for action in [
        lambda: find(server, query),
        lambda: pull(server, series, tmp_path / "cache", again=True),
        lambda: push(server, slices[:1], verify=True),
    ] * 12:
        try:
            action()
            ended["result"] += 1
        except PacsError:
            ended["refused"] += 1
    assert min(ended.values()) > 3, ended
    assert {p.name for p in tmp_path.iterdir()} <= {"series", "cache"}
    assert {p.name for p in (tmp_path / "cache").iterdir()} <= {".pull.lock", series.series_uid}
