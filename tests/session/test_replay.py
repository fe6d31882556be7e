"""What was written down before, read and done again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.tiny_engine import TinySession

import volsweep
from volsweep.geometry import Grid
from volsweep.models import checkpoint_path, find_model
from volsweep.prompts.mask import Mask
from volsweep.session.engines import arithmetic
from volsweep.session.file import read_session
from volsweep.session.history import Journal

DATA = Path(__file__).parent / "data"
"""A session of commit 2c98fe1, before actions were made with `MadeWith`: its file, its journal, its voxels."""


@pytest.fixture(scope="module")
def kept() -> dict[str, np.ndarray]:
    with np.load(DATA / "session_2c98fe1.npz") as file:
        return dict(file)


def test_a_session_of_before_still_reads():
    saved = read_session(DATA / "session_2c98fe1.json")
    kinds = "edit_label add_prompts add_prompts propagate add_prompts add_prompts propagate stop edit_label"
    assert [action.action for action in saved.actions] == kinds.split()
    assert saved.actions[1].made_with.window == (60, 400)
    assert saved.actions[1].made_with.model == "volsweep-nano"
    assert saved.view.window == (60, 400)
    assert saved.view.accepted == {1: (4, 5)}
    assert [(tick.label, tick.plane, tick.slice) for tick in saved.earlier_ticks] == [(1, "axial", 4), (1, "axial", 5)]
    journal = Journal.read(DATA / "journal_2c98fe1.jsonl")
    assert journal.damage is None
    assert journal.effective == saved.actions
    assert len(journal) == len(saved.actions) + 2, "an action and its undo are in the journal only"


def test_what_is_written_has_the_key_of_before():
    action = read_session(DATA / "session_2c98fe1.json").actions[1]
    assert set(action.model_dump(mode="json")) == {"seen", "action", "prompts"}


def test_a_session_of_before_leads_to_what_was_drawn_and_nearly_what_was_found(kept):
    """Its outlines to the voxel; what the network finds follows the weights, which are others than then."""
    saved = read_session(DATA / "session_2c98fe1.json")
    grid = Grid.axis_aligned(kept["image"].shape, (3, 1, 1), (-10, 5, 7))
    volume = volsweep.Volume(kept["image"], grid, "CT")
    saved.check(volume)
    session = volsweep.Session(volume, device="cpu")
    list(session.replay(saved.actions))
    given = [p for action in saved.actions for p in getattr(action, "prompts", ()) if isinstance(p, Mask)]
    outlines = [(mask.label, mask.slice) for mask in given if mask.verbatim]
    assert outlines
    for label, z in outlines:
        np.testing.assert_array_equal(session.labels.array_zyx[z] == label, kept["labels"][z] == label)
    for label in (1, 2):
        now, then = session.labels.array_zyx == label, kept["labels"] == label
        assert 2 * (now & then).sum() / (now.sum() + then.sum()) > 0.85
    assert session.labels.labels[1] == volsweep.Label("lesion", "#aa2211")
    assert session.labels.labels[2].locked
    assert [a.action for a in session.journal.effective] == [a.action for a in saved.actions]
    assert saved.actions[1].made_with.zoom == "auto"
    assert session.journal.effective[1].made_with.zoom == session.model.zoom, "what it was, written down now"


def test_every_mask_says_in_what_precision_and_by_what_it_was_made():
    session = tiny()
    session.add_box(label=1, slice=2, box_xyxy=(4, 4, 8, 8))
    list(session.propagate())
    session.set_prompts((), label=1, slice=2)
    for action in session.journal.effective:
        assert (action.made_with.precision, action.made_with.processor) == ("float32", "an abacus")
    assert '"precision":"float32","processor":"an abacus"' in session.journal.effective[0].model_dump_json()


@pytest.mark.parametrize(
    ("other", "said"),
    [(("float32", "an abacus"), 0), (("bfloat16", "an abacus"), 1), (("float32", "a slide rule"), 1)],
)
def test_another_precision_or_processor_is_told_once(other, said):
    session = tiny()
    session.add_box(label=1, slice=2, box_xyxy=(4, 4, 8, 8))
    list(session.propagate())
    again, told = tiny(), []
    again.arithmetic = other
    list(again.replay(session.journal.effective, tell=told.append))
    assert len(told) == said
    assert all("made in float32 on an abacus, and are made again in {} on {}".format(*other) in note for note in told)
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)
    assert again.journal.effective[0].made_with.processor == other[1], "what is written down now is what was done now"
    third = tiny()
    third.arithmetic = other
    if said:
        with pytest.warns(UserWarning, match="they may differ"):
            list(third.replay(session.journal.effective))


def test_files_of_before_say_nothing_of_it_and_nothing_is_told():
    saved = read_session(DATA / "session_2c98fe1.json")
    assert saved.actions[1].made_with.precision is None
    assert saved.actions[1].made_with.told_apart(tiny()._made_with()) is None


def test_the_arithmetic_is_the_devices():
    from volsweep.engine.network.device import arithmetic as told

    assert tuple(arithmetic("cpu").values()) == told("cpu")
    assert told("cpu")[0] in ("float32", "bfloat16")
    assert told("cpu")[1]
    assert arithmetic("cuda:77") == {}, "said when a mask is asked for"


def tiny() -> TinySession:
    volume = volsweep.Volume(np.zeros((9, 14, 16), np.int16), Grid.axis_aligned((9, 14, 16), (3, 1, 1)), "CT")
    return TinySession(volume, device="cpu")


def test_weights_that_were_replaced_at_their_place_are_told(tmp_path):
    """A network that was tuned again under its name made other masks, without a word."""
    nano = find_model("volsweep-nano")
    mine = tmp_path / "mine.safetensors"
    shutil.copy(checkpoint_path(nano), mine)
    shutil.copy(nano.config_path, tmp_path / "mine.yaml")
    session = session_with(mine)
    session.add_box(label=1, slice=2, box_xyxy=(4, 4, 8, 8))
    list(session.propagate())
    assert not told_by(session_with(mine), session)
    with mine.open("ab") as file:
        file.write(b"tuned again")
    (note,) = told_by(session_with(mine), session)
    assert "other weights than" in note
    assert "mine.safetensors" in note
    with (tmp_path / "mine.yaml").open("a") as file:
        file.write("# another zoom\n")
    assert told_by(session_with(mine), session)
    mine.unlink()


def session_with(weights: Path) -> TinySession:
    volume = tiny().volume
    return TinySession(volume, find_model(weights))


def told_by(again: TinySession, session: TinySession) -> list[str]:
    told: list[str] = []
    list(again.replay(session.journal.effective, tell=told.append))
    return told
