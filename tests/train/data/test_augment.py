"""Windows, grey values and warps."""

from __future__ import annotations

import numpy as np
import torch
from support.clips import ball

from volsweep.train.data.augment import Warp, default_window, random_window, shows


def test_warps_move_points_with_the_image(rng):
    frame = torch.zeros(1, 1, 32, 32)
    frame[0, 0, 5, 20] = 1
    for _ in range(20):
        warp = Warp(32, *(bool(v) for v in rng.random(3) < 0.5))
        moved = warp.apply(frame)[0, 0]
        (x, y), = warp.map_points(np.array([[20.0, 5.0]]))  # fmt: skip
        assert moved[int(y), int(x)] == 1


def test_windows_show_the_object(rng):
    case = ball()
    frame = default_window(case).frame(case.image_zyx[12])
    assert shows(frame, case.labels_zyx[12] == 1)
    assert not shows(np.ones_like(frame), case.labels_zyx[12] == 1)
    widths = [random_window(rng, case).width for _ in range(50)]
    assert min(widths) > 50
