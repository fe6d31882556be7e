"""The faces of the public rooms: what users import is there, and nothing else is promised."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import volsweep

FACES = {
    "volsweep": """
        Box Grid Job Label LabelVolume Line Mask Measurement Plane Point PromptSet SecondSeries Session Step
        SweepOptions VolsweepError Volume Window __version__ enable_logging find_series measure read_labels
        read_prompt_source read_prompts read_volume run_job write_labels write_prompts
    """,
    "volsweep.io": """
        Objects Receipt SeriesInfo check_can_hold convert find_series read_labels read_objects read_volume
        write_labels
    """,
    "volsweep.prompts": """
        Box Extent Line Mask Point Prompt PromptSet Recist Scribble SideBox SourceKind kind_of_source
        prompts_from_labels read_prompt_source read_prompts write_prompts
    """,
    "volsweep.batch": """
        DaskCluster Entry Executor LocalWorkers Options Places Record Redo Result Row SeriesIndex Shard Tally
        Task in_process merge problems_of read_manifest read_record run_batch
    """,
    "volsweep.pacs": """
        Pulled Query RemoteSeries Server Stored find pull push
    """,
    "volsweep.models": """
        DEFAULT_MODEL MODELS ModelSpec ResumingDownloader Verification check_trusted checkpoint_path download find_model
        models_folder sha256_of verify
    """,
    "volsweep.follow": """
        Category Change Fate FollowUp Registration Response follow register response_of to_csv to_sr
    """,
    "volsweep.operations": """
        fill_between fill_holes grow grow_region intersect keep_largest shrink smooth split_islands subtract union
        within_range
    """,
    "volsweep.defaults": """
        Defaults LabelRow changed defaults_path listed read_defaults write_defaults
    """,
    "volsweep.surfaces": """
        Surface surface_of write_surface
    """,
    "volsweep.worklist": """
        Case Outcome Progress Reading Task Working Worklist cases_of consensus_of read_worklist write_worklist
    """,
    "volsweep.finder": """
        BundledFinder Finder Proposal Section finder_named
    """,
    "volsweep.evaluate": """
        Case Method Options Protocol Report Row Score Scored evaluate evaluate_each read_cases
    """,
}


@pytest.mark.parametrize("room", FACES)
def test_what_a_room_offers_is_pinned(room):
    module = importlib.import_module(room)
    assert sorted(module.__all__) == sorted(FACES[room].split())
    assert all(hasattr(module, name) for name in module.__all__)


def test_a_face_is_a_docstring_imports_and_names():
    root = Path(volsweep.__file__).parent
    for path in root.rglob("__init__.py"):
        if path.parent.relative_to(root).as_posix() in (".", "cli"):
            continue  # the version and the silent log; the table of commands
        docstring, *rest = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), path
        for node in rest:
            named = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            assert named or isinstance(node, ast.Import | ast.ImportFrom), f"{path}: {ast.unparse(node)[:60]}"
