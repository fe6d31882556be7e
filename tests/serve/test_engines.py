"""Volumes for the network alone: what was used longest ago makes room, and is asked for again."""

from __future__ import annotations

import asyncio
import zlib

import numpy as np
import pytest
from starlette.exceptions import HTTPException
from support.live_server import tiny_load

from volsweep.errors import PromptError
from volsweep.geometry import Grid
from volsweep.prompts.kinds import Box
from volsweep.remote.wire import AskPreview, Looks, VolumeHead, mask_of, pack, unpack, volume_key
from volsweep.serve.engines import Engines
from volsweep.serve.options import Limits, Options
from volsweep.volume import Volume

LOOKS = Looks(window=(40, 400), model="volsweep-nano", zoom=None)


def send(engines, value):
    array = np.full((4, 8, 8), value, np.int16)
    volume = Volume(array, Grid.axis_aligned(array.shape))
    frame = pack("volume", VolumeHead.of(volume).model_dump(exclude={"kind"}), zlib.compress(array.tobytes()))

    async def chunks():
        for start in range(0, len(frame), 7):  # however it is cut
            yield frame[start : start + 7]

    asyncio.run(engines.receive(volume_key(volume), chunks()))
    return volume_key(volume)


def test_there_is_room_for_so_many_bytes():
    engines = Engines(Options(limits=Limits(volume_bytes=4 * 8 * 8 * 2 * 2)), tiny_load)
    first, second = send(engines, 1), send(engines, 2)
    assert engines.volume(first) is not None
    third = send(engines, 3)
    with pytest.raises(HTTPException) as gone:
        engines.volume(second)
    assert gone.value.status_code == 404
    assert engines.volume(first) is not None
    assert engines.volume(third) is not None


def test_prompts_are_held_against_the_volume():
    engines = Engines(Options(), tiny_load)
    key = send(engines, 1)
    box = Box(label=1, slice=2, box_xyxy=(1, 1, 4, 4))
    asked = AskPreview(looks=LOOKS, prompts=(box,), index=2)
    ((head, body),) = unpack([engines.preview(key, asked)])
    assert mask_of(head, body).mask_yx().sum() == 20  # wider by one column: the window's centre says so
    beyond = Box(label=1, slice=2, box_xyxy=(1, 1, 4, 400))
    with pytest.raises(PromptError, match="outside"):
        engines.preview(key, asked.model_copy(update={"prompts": (beyond,)}))
    with pytest.raises(HTTPException):
        engines.preview(key, asked.model_copy(update={"index": 1}))
