"""Requests read, and answers that come bit by bit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import anyio
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse

from volsweep.errors import VolsweepError, why_invalid
from volsweep.remote.wire import FRAMES, pack
from volsweep.serve.worker import Turn, Worker

_MOST_JSON = 8 * 2**20
_SILENCE_S = 30.0
"""So long nothing may come of a request that has begun: who sends no more holds nothing open."""
Asked = TypeVar("Asked", bound=BaseModel)


async def chunks_of(request: Request) -> AsyncIterator[bytes]:
    """The body of a request as it comes.

    Raises
    ------
    HTTPException
        408 where it stops coming.
    """
    stream = aiter(request.stream())
    while True:
        try:
            with anyio.fail_after(_SILENCE_S):
                chunk = await anext(stream, None)
        except TimeoutError:
            text = f"nothing came for {_SILENCE_S:g} s; send it again"
            raise HTTPException(408, text, {"connection": "close"}) from None
        if chunk is None:
            return
        yield chunk


async def said(request: Request, model: type[Asked]) -> Asked:
    """What a request asks, checked.

    Raises
    ------
    HTTPException
        408, 413 or 422.
    """
    text = bytearray()
    async for chunk in chunks_of(request):
        text += chunk
        if len(text) > _MOST_JSON:
            raise HTTPException(413, f"a request has {_MOST_JSON // 2**20} MiB at most")
    try:
        return model.model_validate_json(bytes(text) or b"{}")
    except ValidationError as error:
        raise HTTPException(422, why_invalid(error)) from None


class Streamed(StreamingResponse):
    """Frames as they are made, one in the worker's thread at a time; made no more when nobody reads them.

    Parameters
    ----------
    worker
        Where they are made.
    advance
        Makes some; None after the last.
    end
        Called at the end in any case.
    told
        What a client reads of an error.
    """

    def __init__(
        self,
        worker: Worker,
        advance: Callable[[], bytes | None],
        end: Callable[[], None],
        told: Callable[[VolsweepError], str],
    ) -> None:
        self._worker, self._advance, self._end, self._told = worker, advance, end, told
        super().__init__(self._made(), media_type=FRAMES)

    async def _made(self) -> Any:
        try:
            while (frames := await self._worker.run(self._advance, Turn.SWEEP)) is not None:
                yield frames
        except VolsweepError as error:
            yield pack("error", {"error": type(error).__name__, "message": self._told(error)})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._worker.run(self._end)
