"""The server put together: one table of requests, which is also its description; and the process that runs it."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from volsweep.errors import EngineError, ModelError, OutputError, SessionError, VolsweepError, why_refused
from volsweep.geometry import Plane
from volsweep.remote.wire import FRAMES, PREFIX, VERSION, AskPreview, AskSweep, Looks, VolumeHead
from volsweep.serve.engines import Engines, Load, load_engine, warm_up
from volsweep.serve.guard import Guard, Line
from volsweep.serve.handlers import Handlers
from volsweep.serve.options import Options
from volsweep.serve.requests import Accept, Act, Export, Find, Open, Preview, Sweep, Use, Where
from volsweep.serve.sessions import MakeSession, Sessions
from volsweep.serve.worker import Worker
from volsweep.session.engines import arithmetic
from volsweep.session.session import Session
from volsweep.settings import data_folder, private_folder

STATIC = Path(__file__).parent / "static"
_JSON, _FILE = "application/json", "application/octet-stream"
_STATUSES: dict[type[VolsweepError], int] = {SessionError: 409, OutputError: 409, ModelError: 409, EngineError: 500}
"""Of what went wrong; everything else is about what was sent."""


_VARIES: dict[str, dict[str, Any]] = {
    "plane": {"type": "string", "enum": [plane.value for plane in Plane]},
    "index": {"type": "integer", "minimum": 0},
}
"""What stands in a path and is no name."""


@dataclass(frozen=True)
class Door:
    """A request that is answered.

    Parameters
    ----------
    method, path
        Of it; `{session}`, `{volume}` and the like stand for what varies.
    handler
        The method of `Handlers` that answers; its docstring is the description.
    asks
        The JSON that is sent, if any.
    answers
        The type of what comes back.
    status
        Of the answer where all went well.
    """

    method: str
    path: str
    handler: str
    asks: type[BaseModel] | None = None
    answers: str = _JSON
    status: int = 200

    @property
    def parameters(self) -> list[str]:
        """What varies in its path."""
        return re.findall(r"{(\w+)", self.path)

    @property
    def plain(self) -> str:
        """Its path without types."""
        return re.sub(r":\w+}", "}", self.path)


DOORS = (
    Door("GET", "", "about"),
    Door("GET", "/arithmetic", "arithmetic"),
    Door("GET", "/openapi.json", "openapi"),
    Door("POST", "/folder", "folder", Where),
    Door("POST", "/series", "series", Where),
    Door("POST", "/uploads", "upload", status=201),
    Door("GET", "/sessions", "sessions"),
    Door("POST", "/sessions", "open", Open, status=201),
    Door("GET", "/sessions/{session}", "state"),
    Door("DELETE", "/sessions/{session}", "forget", answers="", status=204),
    Door("POST", "/sessions/{session}/resume", "resume"),
    Door("POST", "/sessions/{session}/heartbeat", "heartbeat"),
    Door("POST", "/sessions/{session}/close", "close", answers="", status=204),
    Door("GET", "/sessions/{session}/volume", "volume", answers=_FILE),
    Door("GET", "/sessions/{session}/slices/{plane}/{index:int}", "slice", answers=FRAMES),
    Door("GET", "/sessions/{session}/labels", "labels", answers=FRAMES),
    Door("POST", "/sessions/{session}/actions", "act", Act, FRAMES),
    Door("POST", "/sessions/{session}/find", "find", Find),
    Door("POST", "/sessions/{session}/accept", "accept", Accept, FRAMES),
    Door("POST", "/sessions/{session}/preview", "preview", Preview, FRAMES),
    Door("POST", "/sessions/{session}/use", "use", Use, FRAMES),
    Door("POST", "/sessions/{session}/sweep", "sweep", Sweep, FRAMES),
    Door("POST", "/sessions/{session}/cancel", "cancel", answers="", status=204),
    Door("GET", "/sessions/{session}/measurements", "measurements"),
    Door("GET", "/sessions/{session}/review", "review"),
    Door("POST", "/sessions/{session}/exports", "export", Export, status=201),
    Door("GET", "/sessions/{session}/exports/{name}", "download", answers=_FILE),
    Door("GET", "/volumes/{volume}", "has_volume"),
    Door("PUT", "/volumes/{volume}", "send_volume", status=201),
    Door("POST", "/volumes/{volume}/describe", "engine_describe", Looks),
    Door("POST", "/volumes/{volume}/preview", "engine_preview", AskPreview, FRAMES),
    Door("POST", "/volumes/{volume}/sweep", "engine_sweep", AskSweep, FRAMES),
)


def described() -> dict[str, Any]:
    """All requests, as OpenAPI 3.1."""
    models = sorted({door.asks for door in DOORS if door.asks} | {VolumeHead}, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, Any] = {}
    for door in DOORS:
        told: dict[str, Any] = {
            "operationId": door.handler,
            "summary": (getattr(Handlers, door.handler).__doc__ or "").strip(),
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": _VARIES.get(name, {"type": "string"})}
                for name in door.parameters
            ],
            "responses": {
                f"{door.status}": {"description": "done", **({"content": {door.answers: {}}} if door.answers else {})},
                "default": {"description": "refused or failed: `error` says why, for the user", "content": {_JSON: {}}},
            },
        }
        if door.asks is not None:
            reference = {"$ref": f"#/components/schemas/{door.asks.__name__}"}
            told["requestBody"] = {"required": True, "content": {_JSON: {"schema": reference}}}
        elif door.handler in ("upload", "send_volume"):
            told["requestBody"] = {"required": True, "content": {_FILE: {}}}
        if door.handler == "upload":
            told["parameters"] += [{"name": "Volsweep-Name", "in": "header", "schema": {"type": "string"}}]
        paths.setdefault(PREFIX + door.plain, {})[door.method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {"title": "Volsweep", "version": f"{VERSION}", "description": (WIRE_NOTE.strip())},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


WIRE_NOTE = f"""
Answers of the type {FRAMES} are frames: two unsigned 32-bit numbers, little-endian, the bytes of a head and of a body,
then the head (JSON; `kind` says what it is), then the body. `volsweep.remote.wire` has them all.
"""


def build_app(options: Options, root: Path, make: MakeSession = Session, load: Load = load_engine) -> Guard:
    """The server, behind its guard.

    Parameters
    ----------
    options
        How it is to run.
    root
        Where sessions are kept.
    make, load
        Make a session of a volume, and an engine.
    """
    worker = Worker()
    sessions = Sessions(options, root, worker, make=make)
    handlers = Handlers(options, sessions, Engines(options, load), worker)
    handlers.description = described()

    @asynccontextmanager
    async def alive(app: Starlette) -> AsyncIterator[None]:
        worker.post(partial(arithmetic, options.device))  # torch takes seconds to import: nobody's first click waits
        yield
        await sessions.close_all()
        worker.end()

    routes: list[BaseRoute] = [
        Route(PREFIX + door.path, getattr(handlers, door.handler), methods=[door.method]) for door in DOORS
    ]
    if STATIC.is_dir():
        routes.append(Mount("/", StaticFiles(directory=STATIC, html=True), name="page"))
    failed = partial(_failed, sessions)
    refusals: Any = {VolsweepError: failed, HTTPException: _refused, ClientDisconnect: _gone, MemoryError: _no_memory}
    refusals[OSError] = _no_disk
    app = Starlette(routes=routes, lifespan=alive, exception_handlers=refusals)
    return Guard(app, options.token, options.hosts)


async def _failed(sessions: Sessions, request: Request, error: Exception) -> Response:
    assert isinstance(error, VolsweepError)
    status = next((code for kind, code in _STATUSES.items() if isinstance(error, kind)), 422)
    return JSONResponse({"error": sessions.told(error), "kind": type(error).__name__}, status)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail, "kind": "refused"}, error.status_code, headers=error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)


async def _no_disk(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    # Not the path: it may hold a patient's words, and is nobody's business there.
    return JSONResponse({"error": f"the server's disk refuses: {why_refused(error)}; tell who runs it"}, 507)


async def _no_memory(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "the server ran out of memory; close volumes that are not needed"}, 503)


def server_of(options: Options, root: Path, make: MakeSession = Session, load: Load = load_engine) -> uvicorn.Server:
    """The server, ready to run; as `build_app`."""
    # The library would write addresses into the log, and they may hold patients' words.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = uvicorn.Config(
        build_app(options, root, make, load),
        host=options.host,
        port=options.port,
        http=Line,
        h11_max_incomplete_event_size=64 * 2**10,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        limit_concurrency=256,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=5,
        ws="none",
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def run_server(options: Options) -> None:
    """Serve until someone ends it; sessions then rest on the disk."""
    # While the reader looks for the object, the network is loaded.
    Thread(target=warm_up, args=(options,), name="volsweep-warm-up", daemon=True).start()
    server_of(options, private_folder(data_folder()) / "served").run()
