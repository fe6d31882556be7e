"""What is done with each request: read, handed to the worker or another thread, answered."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import anyio
import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from volsweep.geometry import Plane
from volsweep.intensity import resolve_window
from volsweep.io.formats import FORMATS
from volsweep.measurement import measure
from volsweep.models import MODELS
from volsweep.remote.wire import FRAMES, VERSION, AskPreview, AskSweep, Looks, pack, slice_frame
from volsweep.serve.answers import all_labels, as_nifti, grey_frame, review
from volsweep.serve.by_name import about_finder, finder_of, look_for
from volsweep.serve.engines import Engines
from volsweep.serve.exports import export_path, write_export
from volsweep.serve.opened import OpenSession, servers_model
from volsweep.serve.options import Options
from volsweep.serve.requests import Accept, Act, Export, Find, Open, Preview, Sweep, Use, Where
from volsweep.serve.sessions import Sessions
from volsweep.serve.speech import Streamed, chunks_of, said
from volsweep.serve.worker import Worker
from volsweep.session.engines import arithmetic


class Handlers:
    """The server's answers.

    Parameters
    ----------
    options
        Of the server.
    sessions, engines, worker
        What it works with.
    """

    def __init__(self, options: Options, sessions: Sessions, engines: Engines, worker: Worker) -> None:
        self._options, self._sessions, self._engines, self._worker = options, sessions, engines, worker
        self._finder = finder_of(options)
        self._finding = anyio.CapacityLimiter(1)  # seconds of a core each: one reader's after the other's
        self.description: dict[str, Any] = {}

    async def _frames(self, do: Callable[[], list[bytes]]) -> Response:
        return Response(b"".join(await self._worker.run(do)), media_type=FRAMES)

    async def _looked_at(self, whose: str, do: Callable[[], list[bytes]], get_ready: Callable[[], None]) -> Response:
        """Frames that a reader looks at; meanwhile, what their next click would wait for is done."""

        def then_ahead() -> list[bytes]:
            frames = do()
            self._worker.do_ahead(whose, get_ready)
            return frames

        return await self._frames(then_ahead)

    def _session(self, request: Request) -> OpenSession:
        return self._sessions.get(request.path_params["session"])

    # --- the server ------------------------------------------------------------------------

    async def about(self, request: Request) -> Response:
        """What this server is, has and allows."""
        limits = self._options.limits
        written = [[row.name, suffix] for row in FORMATS for suffix in row.written[:1]]
        told = {
            "version": version("napari-volsweep"),
            "api": VERSION,
            "folders": self._sessions.folders.names,
            "models": [spec.id for spec in MODELS.values()],
            "model": servers_model(None, self._options.model).id,
            "formats": written,
            "saves": self._options.save_to is not None,
            **about_finder(self._options),
            "upload_bytes": limits.upload_bytes,
            "lease_s": limits.lease_s,
        }
        return JSONResponse(told)

    async def arithmetic(self, request: Request) -> Response:
        """In which precision networks multiply here, and by which processor."""
        return JSONResponse(await self._worker.run(partial(arithmetic, self._options.device)))

    async def openapi(self, request: Request) -> Response:
        """Everything that can be asked, as OpenAPI."""
        return JSONResponse(self.description)

    # --- what can be opened ----------------------------------------------------------------

    async def folder(self, request: Request) -> Response:
        """What lies in a folder."""
        where = await said(request, Where)
        return JSONResponse(await anyio.to_thread.run_sync(self._sessions.folders.listing, where))

    async def series(self, request: Request) -> Response:
        """The series at a place."""
        where = await said(request, Where)
        most = self._options.limits.volume_bytes
        found = await anyio.to_thread.run_sync(self._sessions.folders.series, where, most)
        return JSONResponse({"series": found})

    async def upload(self, request: Request) -> Response:
        """Send a file, as it is; its name goes in the header Volsweep-Name."""
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._options.limits.upload_bytes:
            raise HTTPException(413, f"uploads are limited to {self._options.limits.upload_bytes / 2**20:.0f} MiB")
        number = await self._sessions.uploads.receive(request.headers.get("volsweep-name", ""), chunks_of(request))
        return JSONResponse({"upload": number}, 201)

    # --- sessions --------------------------------------------------------------------------

    async def sessions(self, request: Request) -> Response:
        """Sessions that are open, or rest on the server's disk."""
        return JSONResponse({"sessions": await anyio.to_thread.run_sync(self._sessions.listing)})

    async def open(self, request: Request) -> Response:
        """Open a volume."""
        opened = await self._sessions.open(await said(request, Open))
        return JSONResponse(await self._worker.run(opened.about_it), 201)

    async def resume(self, request: Request) -> Response:
        """Open a session again, with all that was done."""
        opened = await self._sessions.resume(request.path_params["session"])
        return JSONResponse(await self._worker.run(opened.about_it))

    async def state(self, request: Request) -> Response:
        """What a session holds."""
        return JSONResponse(await self._worker.run(self._session(request).about_it))

    async def heartbeat(self, request: Request) -> Response:
        """Somebody is still there; how much was done so far, by them or in another window."""
        opened = self._session(request)
        return JSONResponse({"lease_s": self._options.limits.lease_s, **opened.pulse()})

    async def close(self, request: Request) -> Response:
        """Close a session; it rests on the disk and can be opened again."""
        await self._sessions.close(request.path_params["session"])
        return Response(status_code=204)

    async def forget(self, request: Request) -> Response:
        """Close a session and throw away what was done, and what was uploaded for it."""
        await self._sessions.forget(request.path_params["session"])
        return Response(status_code=204)

    # --- voxels ----------------------------------------------------------------------------

    async def volume(self, request: Request) -> Response:
        """The volume as NIfTI, its axes turned to right, front and head."""
        volume = self._session(request).session.volume
        packed = await anyio.to_thread.run_sync(lambda: gzip.compress(as_nifti(volume), 1, mtime=0))
        return Response(packed, media_type="application/octet-stream", headers={"content-encoding": "gzip"})

    async def slice(self, request: Request) -> Response:
        """The grey values of one slice: a frame of kind grey."""
        volume = self._session(request).session.volume
        plane, index = Plane(request.path_params["plane"]), int(request.path_params["index"])
        return Response(grey_frame(volume, plane, index), media_type=FRAMES)

    async def labels(self, request: Request) -> Response:
        """The label volume: a frame of kind labels; where objects may overlap, one for each layer beneath."""
        session = self._session(request).session
        layers = await self._worker.run(lambda: session.shown.layers_zyx)
        return Response(b"".join(await anyio.to_thread.run_sync(all_labels, layers)), media_type=FRAMES)

    # --- what is done ----------------------------------------------------------------------

    async def act(self, request: Request) -> Response:
        """Do something: an action of the journal. Frames of what looks otherwise, then the state."""
        opened, asked = self._session(request), await said(request, Act)
        return await self._looked_at(opened.id, lambda: opened.act(asked.action), opened.session.get_ready)

    async def find(self, request: Request) -> Response:
        """Where things with these names probably lie: proposals, of which nothing is drawn before one is accepted."""
        opened, asked = self._session(request), await said(request, Find)
        look = partial(look_for, asked.words, opened.session.volume, self._finder)
        found = await anyio.to_thread.run_sync(look, limiter=self._finding)
        return JSONResponse({"proposals": await self._worker.run(lambda: opened.offer(found, asked.plane))})

    async def accept(self, request: Request) -> Response:
        """Take what was proposed, as an object. Frames of what looks otherwise, then the state."""
        opened, asked = self._session(request), await said(request, Accept)
        return await self._looked_at(opened.id, lambda: opened.accept(asked), opened.session.get_ready)

    async def preview(self, request: Request) -> Response:
        """The mask of one prompted slice: a frame of kind slice."""
        opened, asked = self._session(request), await said(request, Preview)
        session = opened.session

        def frames() -> list[bytes]:
            mask = session.preview_mask(label=asked.label, slice=asked.slice, plane=asked.plane)
            plane = asked.plane or session.plane
            return [slice_frame(plane, asked.slice, mask.mask_yx().astype(np.uint16) * asked.label)]

        return await self._looked_at(opened.id, frames, session.get_ready)

    async def use(self, request: Request) -> Response:
        """Look through another window, or with another model, from now on."""
        opened, asked = self._session(request), await said(request, Use)
        session = opened.session
        model = None if asked.model is None else servers_model(asked.model, self._options.model)
        window = None if asked.window is None else resolve_window(session.volume, asked.window)

        def use() -> list[bytes]:
            if model is not None and opened.sweep is not None:
                opened.sweep.end("stopped")
            session.use(model=model, window=window)
            return [pack("state", opened.state())]

        return await self._frames(use)

    async def sweep(self, request: Request) -> Response:
        """Sweep: frames as slices are found. It ends when nobody reads them any more."""
        opened, asked = self._session(request), await said(request, Sweep)
        running = await self._worker.run(lambda: opened.start(asked))

        def advance() -> bytes | None:
            opened.renew()
            if running.over:
                self._worker.do_ahead(opened.id, opened.session.get_ready)
                return None
            return b"".join(running.advance())

        return Streamed(self._worker, advance, lambda: running.end("stopped"), self._sessions.told)

    async def cancel(self, request: Request) -> Response:
        """Stop the sweep after the slice that it is at; what was found is kept."""
        self._session(request).stop()
        return Response(status_code=204)

    async def measurements(self, request: Request) -> Response:
        """Sizes, diameters and intensities of all objects."""
        session = self._session(request).session
        labels = await self._worker.run(lambda: session.objects)
        found = await anyio.to_thread.run_sync(measure, labels, session.volume)
        return JSONResponse({"measurements": [one.to_dict() for one in found.values()]})

    async def review(self, request: Request) -> Response:
        """How far to trust each slice of each object, and which were ticked off."""
        session = self._session(request).session
        return JSONResponse(await self._worker.run(partial(review, session)))

    async def export(self, request: Request) -> Response:
        """Write the labels as a file, and get its receipt."""
        opened, asked = self._session(request), await said(request, Export)
        labels = await self._worker.run(lambda: opened.session.objects)
        told = await anyio.to_thread.run_sync(write_export, asked, labels, opened.folder, self._options.save_to)
        return JSONResponse(told, 201)

    async def download(self, request: Request) -> Response:
        """A file that was exported."""
        path = export_path(self._session(request).folder, request.path_params["name"])
        return FileResponse(path, filename=path.name, media_type="application/octet-stream")

    # --- the network alone -----------------------------------------------------------------

    async def has_volume(self, request: Request) -> Response:
        """Whether a volume was sent already; it is known by a hash."""
        self._engines.volume(request.path_params["volume"])
        return JSONResponse({"here": True})

    async def send_volume(self, request: Request) -> Response:
        """Send a volume: a frame of kind volume, its voxels deflated."""
        await self._engines.receive(request.path_params["volume"], chunks_of(request))
        return JSONResponse({"here": True}, 201)

    async def engine_describe(self, request: Request) -> Response:
        """What a network runs on: device, precision, threads."""
        key, looks = request.path_params["volume"], await said(request, Looks)
        return JSONResponse(await self._worker.run(lambda: self._engines.describe(key, looks)))

    async def engine_preview(self, request: Request) -> Response:
        """The mask of one prompted slice: a frame of kind mask."""
        key, asked = request.path_params["volume"], await said(request, AskPreview)
        get_ready = partial(self._engines.get_ready, key, asked.looks)
        return await self._looked_at(key, lambda: [self._engines.preview(key, asked)], get_ready)

    async def engine_sweep(self, request: Request) -> Response:
        """Frames of kind mask, as a sweep finds them."""
        key, asked = request.path_params["volume"], await said(request, AskSweep)
        found = self._engines.sweep(key, asked)
        first = await self._worker.run(lambda: next(found, b""))  # what is wrong with it is said by a status
        waiting = [first]

        def advance() -> bytes | None:
            return waiting.pop() if waiting else next(found, None)

        return Streamed(self._worker, advance, found.close, self._sessions.told)
