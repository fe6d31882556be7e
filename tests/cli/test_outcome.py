"""What a job says on the terminal, against its report."""

from __future__ import annotations

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.cli.outcome import run_with_progress, show
from volsweep.job.run import Job


def test_the_table_says_what_the_report_holds_and_notes_are_told_however_quiet(tmp_path, capsys):
    box = volsweep.Box(label=1, slice=20, box_xyxy=(55, 98, 86, 126))
    prompts = volsweep.PromptSet((box,), {1: volsweep.Label("lesion", "#aa0011")}, ("look twice",))
    outcome = run_with_progress(Job(sample().series, tmp_path / "x.nii.gz", prompts=prompts), quiet=True)
    told = capsys.readouterr()
    assert "look twice" in told.err
    assert not told.out
    show(outcome)
    text = capsys.readouterr().out
    (label,) = outcome.report["labels"]
    assert f"{label['volume_ml']:.2f} mL" in text
    assert "1 lesion" in text
    assert str(tmp_path / "x.nii.gz") in text.replace("\n", "")
