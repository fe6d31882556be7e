"""What has been done to servers of this kind, done to this one: each is refused, and the next request is answered."""

from __future__ import annotations

import gzip
import io
import struct
import time
import zipfile
import zlib
from contextlib import suppress
from urllib.parse import quote

import nibabel
import numpy as np
import pydicom
import pytest
import requests
from support.dicom_files import AXIAL, along, pattern, write_series
from support.live_server import options_of, serving, write_volume
from support.tiny_engine import TinySession

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.remote.wire import PREFIX, VolumeHead, pack, unpack, volume_key
from volsweep.volume import Volume


@pytest.fixture(autouse=True)
def goes_on(client):
    """Whatever was sent, the server answers."""
    yield
    assert client.get("")["api"] == 1


ELSEWHERE = [
    "../secret.nii.gz",
    "sub/../../secret.nii.gz",
    "/etc/passwd",
    "~/x",
    "..\\secret.nii.gz",
    "link.nii.gz",
    "linked/secret.nii.gz",
    "a\0.nii.gz",
    "C:/x",
    "%2e%2e/secret.nii.gz",
    "sample:ct_phantom",
    "x" * 5000,
    "file:///etc/passwd",
]


@pytest.mark.parametrize("request_", ["/sessions", "/series", "/folder"])
def test_no_path_leads_out_of_the_folders(client, scans, request_):
    write_volume(scans.parent / "secret.nii.gz")
    (scans / "link.nii.gz").symlink_to(scans.parent / "secret.nii.gz")
    (scans / "linked").symlink_to(scans.parent)
    for path in ELSEWHERE:
        where = {"folder": "scans", "path": path}
        answer = client.ask("POST", request_, {"where": where} if request_ == "/sessions" else where)
        assert answer.status_code in (404, 422), (path, answer.text)
        assert "secret" not in str(client.post("/folder", {"folder": "scans"})["files"]), path


def test_a_folder_that_was_not_given(client):
    assert client.ask("POST", "/folder", {"folder": "/"}).status_code == 404


@pytest.mark.parametrize(("name", "header"), [
    ("x.nhdr", "NRRD0004\ntype: short\ndimension: 3\nsizes: 9 9 9\nencoding: raw\ndata file: ../../secret.raw\n\n"),
    ("x.nrrd", "NRRD0004\ntype: short\ndimension: 3\nsizes: 9 9 9\nencoding: raw\ndata file: /etc/passwd\n\n"),
    ("x.mhd", "NDims = 3\nDimSize = 9 9 9\nElementType = MET_SHORT\nElementDataFile = /etc/passwd\n"),
    ("x.mha", "NDims = 3\nDimSize = 9 9 9\nElementType = MET_SHORT\nElementDataFile = ../title\n"),
    ("x.mha", "NDims = 3\nDimSize = 9 9 9\nElementType = MET_SHORT\nElementDataFile = LIST\n/etc/passwd\n"),
])  # fmt: skip
def test_headers_that_name_another_file_are_refused(client, scans, name, header):
    answer = client.ask("POST", "/uploads", data=header.encode() + b"0" * 2000, headers={"volsweep-name": name})
    assert answer.status_code == 422, answer.text
    (scans / name).write_bytes(header.encode())
    answer = client.ask("POST", "/sessions", {"where": {"folder": "scans", "path": name}})
    assert answer.status_code == 422, answer.text
    assert "root:" not in answer.text


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def test_members_of_zips_lead_nowhere(client, scans, tmp_path):
    sent = zipped(
        [("../../../evil.dcm", b"\0" * 128 + b"DICM" + b"\0" * 100), ("/tmp/evil.dcm", b"\0" * 128 + b"DICM")]
    )
    answer = client.ask("POST", "/uploads", data=sent, headers={"volsweep-name": "x.zip"})
    assert answer.status_code in (201, 422)
    if answer.status_code == 201:
        assert client.ask("POST", "/sessions", {"upload": answer.json()["upload"]}).status_code == 422
    assert not list(tmp_path.rglob("*evil*"))


def test_messages_do_not_say_where_things_lie_on_the_server(client, scans, tmp_path):
    answers = [
        client.ask(
            "POST", "/uploads", data=zipped([("a.zip", zipped([("a.dcm", b"")]))]), headers={"volsweep-name": name}
        )
        for name in ("x.zip", "x.dcm")
    ]
    (scans / "empty").mkdir()
    (scans / "junk.dcm").write_bytes(b"junk" * 99)
    (scans / "junk.nrrd").write_bytes(b"NRRD0004\ntype: short\ndimension: 3\nsizes: 9 9 9\nencoding: raw\n\n")
    for path in ("empty", "junk.dcm", "junk.nrrd"):
        answers.append(client.ask("POST", "/sessions", {"where": {"folder": "scans", "path": path}}))
    for answer in answers:
        assert answer.status_code == 422
        assert str(tmp_path) not in answer.text
        assert str(scans.resolve()) not in answer.text
    assert "no DICOM in x.zip;" in answers[0].json()["error"]
    assert "no DICOM in scans/empty;" in answers[2].json()["error"]


NAMES = [
    "Thorax 3.nii.gz",
    "../../b.nrrd",
    "C:\\scans\\b.nii",
    ".b.mha",
    "Scan 4 (b)",
    "con.nii",
    "b" * 300 + ".nii.gz",
]


@pytest.mark.parametrize("name", NAMES)
def test_messages_call_an_upload_as_its_client_does(client, tmp_path, name):
    """They said ``scan.nii``, a file that nobody had sent."""
    sent = client.ask("POST", "/uploads", data=b"ObjectType = junk" * 99, headers={"volsweep-name": name})
    assert sent.status_code in (201, 422)
    answer = client.ask("POST", "/sessions", {"upload": sent.json()["upload"]}) if sent.status_code == 201 else sent
    assert answer.status_code == 422
    last = name.replace("\\", "/").rsplit("/", 1)[-1].strip(".")[-100:]
    assert last in answer.json()["error"]
    assert str(tmp_path) not in answer.text
    assert not list(tmp_path.parent.glob("b.n*"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Müller, Brustkorb.nii", "Müller_ Brustkorb.nii"),
        ("Mu\u0308ller.nii", "Müller.nii"),
        ("肝臓 3.nii", "肝臓 3.nii"),
        ("كبد.nii", "كبد.nii"),
        ("ท้อง.nii", "ท้อง.nii"),
        ("😀.nii", "_.nii"),
        ("../Ä\u202egpj.nii", "Ä_gpj.nii"),
        ("100%.nii", "100_.nii"),
    ],
)
def test_a_name_keeps_the_letters_of_its_language(client, name, told):
    """The page wrote ``M_ller``."""
    content = b"ObjectType = junk" * 99
    sent = client.ask("POST", "/uploads", data=content, headers={"volsweep-name": quote(name, safe="")})
    answer = client.ask("POST", "/sessions", {"upload": sent.json()["upload"]}) if sent.status_code == 201 else sent
    assert answer.status_code == 422
    assert told in answer.json()["error"]


def test_streams_do_not_say_where_things_lie_on_the_server(scans, tmp_path):
    class Failing(TinySession):
        def steps(self, **how):
            yield from ()
            raise InputError(f"{scans.resolve() / 'a.nii.gz'} went away")

    with serving(options_of(scans), tmp_path / "other", Failing) as failing:
        number = failing.open()["id"]
        failing.box(number)
        (head, _) = failing.frames(f"/sessions/{number}/sweep", {})[-1]
    assert head == {"kind": "error", "error": "InputError", "message": "scans/a.nii.gz went away"}


def test_a_zip_with_two_members_of_one_name_is_refused(client, tmp_path):
    """Five slices of one name were read as one slice with four copies: the last, five times."""
    paths = write_series(tmp_path / "a", pattern(5), along(AXIAL, 5, 2.0))
    with pytest.warns(UserWarning, match="Duplicate name"):
        sent = zipped([("x.dcm", path.read_bytes()) for path in paths])
    answer = client.ask("POST", "/uploads", data=sent, headers={"volsweep-name": "x.zip"})
    assert answer.status_code == 422
    assert "several files of one name (x.dcm)" in answer.json()["error"]


def test_two_patients_in_a_zip_are_told_or_refused(client, tmp_path):
    mine = write_series(tmp_path / "a", pattern(5), along(AXIAL, 5, 2.0))
    first = pydicom.dcmread(mine[0])

    def of_another(ds, index):
        ds.PatientID, ds.PatientName = "SOMEBODY-2", "Panza^Sancho"

    def in_the_same_series(ds, index):
        of_another(ds, index)
        for keyword in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
            setattr(ds, keyword, first[keyword].value)

    def opened(name, edit):
        theirs = write_series(tmp_path / name, pattern(5), along(AXIAL, 5, 2.0, (-20, 11, 60)), edit=edit)
        members = [(f"{path.parent.name}/{path.name}", path.read_bytes()) for path in (*mine, *theirs)]
        sent = client.ask("POST", "/uploads", data=zipped(members), headers={"volsweep-name": "x.zip"})
        return client.ask("POST", "/sessions", {"upload": sent.json()["upload"]})

    told = opened("b", of_another)
    assert told.status_code == 201
    assert "of 2 patients" in str(told.json()["volume"]["warnings"])
    refused = opened("c", in_the_same_series)
    assert refused.status_code == 422
    assert "2 patients (PatientID)" in refused.text
    assert "SOMEBODY" not in told.text + refused.text


def nifti(edit=lambda header: None, content=b""):
    image = nibabel.Nifti1Image(np.arange(8 * 7 * 6, dtype=np.int16).reshape(6, 7, 8), np.eye(4))
    found = bytearray(image.to_bytes())
    edit(found)
    return bytes(found) + content


@pytest.mark.parametrize("sent", [
    nifti(content=b"\0" * 2000),
    nifti(lambda h: struct.pack_into("<2h", h, 70, 2, 8)),  # bytes instead of 16 bits: half of the file
    nifti(lambda h: struct.pack_into("<8h", h, 40, 3, 6, 7, 4, 1, 1, 1, 1)),
    nifti(lambda h: struct.pack_into("<8h", h, 40, 3, 6, 7, 9, 1, 1, 1, 1)),
    nifti(lambda h: struct.pack_into("<8h", h, 40, 3, -6, 7, 8, 1, 1, 1, 1)),
    nifti(lambda h: struct.pack_into("<f", h, 108, 1e30)),
    gzip.compress(nifti())[:-6],
    zipped([("a.nii", nifti())]),
], ids=["longer", "bytes", "fewer slices", "more slices", "negative", "offset", "cut", "zip"])  # fmt: skip
def test_a_nifti_whose_header_lies_is_refused(client, sent):
    name = "x.nii.gz" if sent[:2] == b"\x1f\x8b" else "x.nii"
    answer = client.ask("POST", "/uploads", data=sent, headers={"volsweep-name": name})
    if answer.status_code == 201:
        answer = client.ask("POST", "/sessions", {"upload": answer.json()["upload"]})
    assert answer.status_code == 422, answer.text


def test_a_zip_bomb_is_refused_by_what_it_unpacks_to(scans, tmp_path):
    bomb = zipped([(f"{i}.dcm", b"\0" * 128 + b"DICM" + b"\0" * 2**20) for i in range(40)])
    assert len(bomb) < 2**20
    with serving(options_of(scans, upload_bytes=2**24), tmp_path / "other") as client:
        answer = client.ask("POST", "/uploads", data=bomb, headers={"volsweep-name": "x.zip"})
        assert answer.status_code == 422
        assert "unpacks to" in answer.json()["error"]
        assert not list((tmp_path / "other" / "uploads").iterdir())


def test_a_gzip_bomb_and_a_header_that_promises_too_much(scans, tmp_path):
    with serving(options_of(scans, upload_bytes=2**24, volume_bytes=2**24), tmp_path / "other") as client:
        header = bytearray(352)
        struct.pack_into("<i", header, 0, 348)
        struct.pack_into("<8h", header, 40, 3, 2000, 2000, 2000, 1, 1, 1, 1)
        struct.pack_into("<2h", header, 70, 4, 16)
        struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
        struct.pack_into("<f", header, 108, 352)
        header[344:348] = b"n+1\0"
        bomb = gzip.compress(bytes(header) + b"\0" * 2**25)
        assert len(bomb) < 2**17
        answer = client.ask("POST", "/uploads", data=bomb, headers={"volsweep-name": "x.nii.gz"})
        assert answer.status_code == 422
        assert "GiB" in answer.json()["error"]


def test_a_huge_upload_is_cut_off_whether_it_says_its_size_or_not(scans, tmp_path):
    sent = 0

    def drip():
        nonlocal sent
        for _ in range(400):
            sent += 2**16
            yield b"\0" * 2**16

    with serving(options_of(scans, upload_bytes=2**20), tmp_path / "other") as client:
        try:
            answer = client.ask("POST", "/uploads", data=drip(), headers={"volsweep-name": "x.nii"})
            assert answer.status_code == 413
        except requests.exceptions.ConnectionError:
            pass  # the server hung up, which is as good
        assert sent < 400 * 2**16 or answer.status_code == 413
        with suppress(requests.exceptions.ConnectionError):
            answer = client.ask("POST", "/uploads", data=b"\0" * 2**21, headers={"volsweep-name": "x.nii"})
            assert answer.status_code == 413
        assert not list((tmp_path / "other" / "uploads").iterdir())


def test_a_disk_is_not_filled(scans, tmp_path):
    from support.live_server import SHAPE

    content = write_volume(tmp_path / "u.nii.gz", 5, SHAPE).read_bytes()
    with serving(options_of(scans, disk_bytes=len(content) * 2 + 5000), tmp_path / "other") as client:
        codes = [
            client.ask("POST", "/uploads", data=content, headers={"volsweep-name": "u.nii.gz"}).status_code
            for _ in range(4)
        ]
        assert codes[0] == 201
        assert codes[-1] == 507


def prompting(prompt):
    return b'{"action": {"action": "add_prompts", "prompts": [{' + prompt + b"}]}}"


@pytest.mark.parametrize("body", [
    b"{" * 100_000,
    b'{"action": ' * 20_000,
    b"[1e999]",
    b"\xff\xfe",
    b'{"action": {"action": "propagate", "labels": [1]}}',
    b'{"action": {"action": "__import__(\'os\').system(\'touch /tmp/h24-owned\')"}}',
    b'{"action": {"action": "add_prompts", "seen": {"window": [0, 1], "model": "/tmp/evil.pt"}, "prompts": '
    b'[{"kind": "point", "label": 1, "slice": 1, "point_xy": [1, 1]}]}}',
    prompting(b'"kind": "point", "label": 1, "slice": 1, "point_xy": [NaN, 1]'),
    prompting(b'"kind": "point", "label": 99999999, "slice": 1, "point_xy": [1, 1]'),
    prompting(b'"kind": "box", "label": 1, "slice": 999, "box_xyxy": [1, 1, 2, 2]'),
])  # fmt: skip
def test_what_is_no_action_is_refused(client, body):
    number = client.open()["id"]
    answer = client.ask("POST", f"/sessions/{number}/actions", data=body)
    assert answer.status_code == 422, answer.text
    assert client.get(f"/sessions/{number}")["actions"] == 0


def test_a_request_that_does_not_end(client):
    def drip():
        for _ in range(20):
            yield b" " * 2**20

    number = client.open()["id"]
    with suppress(requests.exceptions.ConnectionError):
        assert client.ask("POST", f"/sessions/{number}/actions", data=drip()).status_code == 413


def test_volumes_for_the_network_are_what_they_say(client):
    volume = Volume(np.zeros((4, 8, 8), np.int16), Grid.axis_aligned((4, 8, 8)))
    head = VolumeHead.of(volume).model_dump()
    key = volume_key(volume)

    def put(head, voxels, key=key):
        return client.ask(
            "PUT", f"/volumes/{key}", data=pack("volume", {k: v for k, v in head.items() if k != "kind"}, voxels)
        ).status_code

    voxels = zlib.compress(volume.array_zyx.tobytes())
    assert put(head, voxels, "0" * 64) == 422
    assert put(head, zlib.compress(b"\0" * 10)) == 422
    assert put(head, zlib.compress(b"\0" * 2**20)) == 422
    assert put(head, b"junk") == 422
    huge = {**head, "place": {**head["place"], "shape_zyx": [65535, 65535, 65535]}}
    assert put(huge, voxels) == 413
    assert put({**head, "dtype": "|O"}, voxels) == 422
    assert client.ask("GET", f"/volumes/{key}").status_code == 404
    assert put(head, voxels) == 201
    assert client.ask("GET", f"/volumes/{key}").status_code == 200


def test_fifty_idle_sessions_are_turned_away_and_then_make_room(scans, tmp_path, clock):
    with serving(options_of(scans, sessions=4, lease_s=30), tmp_path / "other") as client:
        answers = [
            client.ask("POST", "/sessions", {"where": {"folder": "scans", "path": "a.nii.gz"}}) for _ in range(8)
        ]
        assert {answer.status_code for answer in answers[:4]} == {201}
        busy = [answer for answer in answers if answer.status_code == 503]
        assert len(busy) == 4
        assert "busy" in busy[0].json()["error"]
        assert int(busy[0].headers["retry-after"]) >= 1
        opened = 0
        for _ in range(50):
            clock[0] += 2
            answer = client.ask("POST", "/sessions", {"where": {"folder": "scans", "path": "b.nii.gz"}})
            opened += answer.status_code == 201
        assert opened >= 4
        assert sum(one["open"] for one in client.get("/sessions")["sessions"]) <= 4


def test_a_client_that_vanishes_in_the_middle_of_a_sweep(scans, tmp_path):
    write_volume(scans / "long.nii.gz", 3, (800, 24, 28))
    with serving(options_of(scans), tmp_path / "other") as client:
        number = client.open("long.nii.gz")["id"]
        client.box(number, 1, 400)
        answer = requests.post(
            f"{client.url}{PREFIX}/sessions/{number}/sweep",
            json={"patience": 0},
            headers=dict(client.http.headers),
            stream=True,
            timeout=120,
        )
        next(unpack(answer.iter_content(512)))
        answer.close()
        end = time.monotonic() + 120
        while client.get(f"/sessions/{number}")["sweeping"] and time.monotonic() < end:
            time.sleep(0.05)
        state = client.get(f"/sessions/{number}")
        assert not state["sweeping"]
        assert state["can_undo"]
        found = client.labels(number)
        assert found.any()
        assert client.frames(f"/sessions/{number}/sweep", {"patience": 0})[-1][0]["outcome"] == "finished"
