"""The prompts of a slice to the network's output there."""

from __future__ import annotations

from engine.conftest import blob_volume, view_of

from volsweep.engine.sweep.decoder import SliceDecoder
from volsweep.geometry import mask_box_xyxy
from volsweep.prompts.kinds import Box, Point


def test_a_network_says_whether_it_predicts_bodies_and_whether_it_corrects_them(nano, unrefined, plain_nano):
    volume, _ = blob_volume(200, 4)
    decoders = [SliceDecoder(view_of(net, volume, 2.2)) for net in (nano, unrefined, plain_nano)]
    assert [(one.predicts, one.refines) for one in decoders] == [(True, True), (True, False), (False, False)]


def test_what_was_decoded_is_kept_for_the_next_click_and_by_window(unrefined):
    volume, truth = blob_volume(200, 8)
    view = view_of(unrefined, volume, 2.2)
    decoder, box = SliceDecoder(view), Box(label=1, slice=4, box_xyxy=mask_box_xyxy(truth[4]))
    crop, wider = view.crop_around(box.box_xyxy), view.crop_around((40, 40, 150, 150))
    made = decoder.decode((box,), crop)
    assert decoder.decode((box,), crop) is made
    assert decoder.decode((box,), wider) is not made
    click = Point(label=1, slice=4, point_xy=box.box_xyxy[:2], positive=True)
    clicked = decoder.decode((box, click), crop)
    assert clicked is not made
    assert decoder.decode((box, click, click), crop) is clicked, "said again"


def test_negative_clicks_alone_are_an_empty_mask(unrefined):
    volume, truth = blob_volume(200, 8)
    view = view_of(unrefined, volume, 2.2)
    box = mask_box_xyxy(truth[4])
    no = Point(label=1, slice=4, point_xy=box[:2], positive=False)
    assert not (SliceDecoder(view).decode((no,), view.crop_around(box)).logits > 0).any()
