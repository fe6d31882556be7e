"""A DICOMweb server of a few lines: QIDO, WADO and STOW, with knobs for what may be wrong with it."""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pydicom

SHOWN = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID", "PatientName", "Modality",
         "AccessionNumber", "StudyDate", "SeriesNumber", "SeriesDescription")  # fmt: skip
LEVELS = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}


class FakePacs:
    """Holds instances; the attributes below change how it behaves."""

    def __init__(self, files: Iterable[Path] = (), tls: object = None) -> None:
        self.instances = [pydicom.dcmread(path) for path in files]
        self.stored: list[pydicom.Dataset] = []
        self.requests: list[tuple[str, str, str]] = []
        """Method, address and Authorization of every request."""
        self.page = 1000
        self.ignores_offset = False
        self.ignores_filters = False
        self.status: dict[str, int] = {}
        """What to answer, by the end of the path."""
        self.refuses_query: Callable[[dict[str, list[str]]], int | None] = lambda _: None
        """What to answer a search, by its parameters; None for a result."""
        self.sends_as: dict[str, dict[str, str]] = {}
        """By SOPInstanceUID: what an instance says of itself when it is sent."""
        self.left_out: set[str] = set()
        """Instances that a series comes without."""
        self.cut_after: int | None = None
        """Bytes of a series after which the connection ends."""
        self.honest_length = True
        self.redirect = ""
        self.refuses: dict[str, int] = {}
        """FailureReason of instances that are not stored."""
        self.refusal_status = 409
        self.answers_raw: bytes | None = None
        self.dead = False
        handler = type("Handler", (_Handler,), {"pacs": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.scheme = "http"
        if tls is not None:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
            self.scheme = "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.http.server_port}/dicom-web"

    def __enter__(self) -> FakePacs:
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()

    def die(self) -> None:
        """Go away, also for those who are connected."""
        self.dead = True
        self.http.shutdown()
        self.http.server_close()

    def basic(self) -> list[tuple[str, str]]:
        """Users and passwords that were sent."""
        sent = [who.removeprefix("Basic ") for _, _, who in self.requests if who.startswith("Basic ")]
        return [tuple(base64.b64decode(who).decode().split(":", 1)) for who in sent]


class _Handler(BaseHTTPRequestHandler):
    pacs: FakePacs
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets, the second of which would wait for 40 ms

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.pacs.dead:
            self.close_connection = True
            return None
        parts = urlsplit(self.path)
        self.pacs.requests.append(("GET", self.path, self.headers.get("Authorization", "")))
        names = parts.path.removeprefix("/dicom-web").strip("/").split("/")
        if self.pacs.redirect:
            return self._send(302, b"", {"Location": self.pacs.redirect})
        for end, status in self.pacs.status.items():
            if parts.path.endswith(end):
                return self._send(status)
        if self.pacs.answers_raw is not None:
            return self._send(200, self.pacs.answers_raw, {"Content-Type": "application/dicom+json"})
        fixed = dict(zip([LEVELS.get(n, "") for n in names[::2]], names[1::2], strict=False))
        found = [ds for ds in self.pacs.instances if all(str(ds.get(k, "")) == v for k, v in fixed.items())]
        if len(names) % 2:
            return self._search(found, LEVELS[names[-1]], parse_qs(parts.query))
        return self._retrieve(found, whole=names[-2] != "instances")

    def _search(self, found, key, asked) -> None:
        if status := self.pacs.refuses_query(asked):
            return self._send(status)
        offset = 0 if self.pacs.ignores_offset else int(asked.pop("offset", ["0"])[0])
        if not self.pacs.ignores_filters:
            wanted = {k: v[0] for k, v in asked.items() if k in SHOWN}
            found = [ds for ds in found if all(str(ds.get(k, "")) == v for k, v in wanted.items())]
        unique = list({ds[key].value: ds for ds in found}.values())
        answer = []
        for ds in unique[offset : offset + self.pacs.page]:
            shown = pydicom.Dataset()
            for keyword in SHOWN:
                if keyword in ds:
                    shown[keyword] = ds[keyword]
            answer.append(shown.to_json_dict())
        return self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/dicom+json"})

    def _retrieve(self, found, whole) -> None:
        if whole:
            found = [ds for ds in found if ds.SOPInstanceUID not in self.pacs.left_out]
        if not found:
            return self._send(404)
        body = b""
        for ds in found:
            with BytesIO() as stream:
                if ds.SOPInstanceUID in self.pacs.sends_as:
                    ds = copy.deepcopy(ds)
                    for keyword, value in self.pacs.sends_as[ds.SOPInstanceUID].items():
                        setattr(ds, keyword, value)
                pydicom.dcmwrite(stream, ds, enforce_file_format=True)
                body += b"\r\n--mark\r\nContent-Type: application/dicom\r\n\r\n" + stream.getvalue()
        body += b"\r\n--mark--"
        headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=mark'}
        cut = self.pacs.cut_after if whole else None
        return self._send(200, body, headers, cut)

    def do_POST(self) -> None:
        if self.pacs.dead:
            self.close_connection = True
            return None
        self.pacs.requests.append(("POST", self.path, self.headers.get("Authorization", "")))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        for end, status in self.pacs.status.items():
            if self.path.endswith(end):
                return self._send(status)
        mark = b"--" + self.headers["Content-Type"].split('boundary="')[1].rstrip('"').encode()
        answer = {"00081199": {"vr": "SQ", "Value": []}, "00081198": {"vr": "SQ", "Value": []}}
        for part in body.split(mark)[1:-1]:
            ds = pydicom.dcmread(BytesIO(part.split(b"\r\n\r\n", 1)[1]))
            entry = {"00081155": {"vr": "UI", "Value": [ds.SOPInstanceUID]}}
            reason = self.pacs.refuses.get(ds.SOPInstanceUID)
            if reason is None:
                self.pacs.stored.append(ds)
                self.pacs.instances.append(ds)
                answer["00081199"]["Value"].append(entry)
            else:
                answer["00081198"]["Value"].append({**entry, "00081197": {"vr": "US", "Value": [reason]}})
        answer = {key: value for key, value in answer.items() if value["Value"]}
        status = self.pacs.refusal_status if "00081198" in answer else 200
        return self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/dicom+json"})

    def _send(self, status: int, body: bytes = b"", headers: dict | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if cut is None or self.pacs.honest_length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        self.close_connection = cut is not None
