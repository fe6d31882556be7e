"""Are the tests of the sweep's rooms and of a session's steps worth their time? Break the code, and see who notices.

Each mutant is one line made wrong in a copy of the source; the tests nearest to it are run, and one of them must fail.

    python tools/mutants.py            # all: some minutes
    python tools/mutants.py fuse       # those with this in their names
    python tools/mutants.py --list
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_BESIDE = ("tests", "checkpoints", "sample_data", "docs", "benchmarks", "pyproject.toml", "README.md", "CHANGELOG.md")
_SWEEP, _SESSION = "src/volsweep/engine/sweep", "src/volsweep/session"


@dataclass(frozen=True)
class Mutant:
    """One line of a file, what it becomes, and the tests that are to notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Whether the line is still there, once."""
        return (ROOT / self.file).read_text().count(self.old) == 1


MUTANTS = (
    # The eight that were tried by hand, of which five once went unseen.
    Mutant(
        "fuse: the far pass weighs more",
        f"{_SWEEP}/fuse.py",
        "shares = (1 - nearness_to_high, nearness_to_high)",
        "shares = (nearness_to_high, 1 - nearness_to_high)",
        ("tests/engine/sweep/test_fuse.py",),
    ),
    Mutant(
        "fuse: the two passes always agree",
        f"{_SWEEP}/fuse.py",
        "agreement = float((from_low & from_high).sum() / either) if either else 1.0",
        "agreement = 1.0",
        ("tests/engine/sweep/test_fuse.py",),
    ),
    Mutant(
        "trust: a jump is never flagged",
        f"{_SESSION}/trust.py",
        "return jumped or (",
        "return False or (",
        ("tests/session/test_trust.py", "tests/session/test_steps.py"),
    ),
    Mutant(
        "passes: the prompted slice ahead is not remembered",
        f"{_SWEEP}/passes.py",
        "self._bank.conditioning.append(self._adopted(bound))",
        "pass",
        ("tests/engine/sweep/test_passes.py",),
    ),
    Mutant(
        "passes: a window that moves forgets",
        f"{_SWEEP}/passes.py",
        "self._bank = Bank([self._adopted(m) for m in conditioning], [self._adopted(m) for m in recent])",
        "self._bank = Bank()",
        ("tests/engine/sweep/test_passes.py",),
    ),
    Mutant(
        "plan: a slice more of patience",
        f"{_SWEEP}/plan.py",
        "self._absent >= self.patience",
        "self._absent > self.patience",
        ("tests/engine/sweep/test_plan.py",),
    ),
    Mutant(
        "plan: the leg back goes to the first slice, over the prompts",
        f"{_SWEEP}/plan.py",
        "first if before is None else before + 1",
        "first",
        ("tests/engine/sweep/test_plan.py",),
    ),
    Mutant(
        "steps: compared with the slice beside it, whatever the stride",
        f"{_SESSION}/steps.py",
        "before = mask.slice - tracked.leg.step if mask.interpolated else tracked.before",
        "before = mask.slice - tracked.leg.step",
        ("tests/session/test_steps.py",),
    ),
    # And their neighbours.
    Mutant(
        "fuse: one pass may shout the other down",
        f"{_SWEEP}/fuse.py",
        "_CONFIDENT = 8.0",
        "_CONFIDENT = 100.0",
        ("tests/engine/sweep/test_fuse.py",),
    ),
    Mutant(
        "fill: counted in slices, not in millimetres",
        f"{_SWEEP}/fill.py",
        "if frames.is_even:",
        "if True:",
        ("tests/engine/sweep/test_fill.py",),
    ),
    Mutant(
        "fill: a filled slice outweighs what was drawn",
        f"{_SWEEP}/fill.py",
        "SUREST = 6.0",
        "SUREST = 60.0",
        ("tests/engine/sweep/test_fill.py",),
    ),
    Mutant(
        "passes: the farthest prompted slices are recalled",
        f"{_SWEEP}/passes.py",
        "key=lambda memory: abs(memory.time - time))",
        "key=lambda memory: -abs(memory.time - time))",
        ("tests/engine/sweep/test_passes.py",),
    ),
    Mutant(
        "plan: a gap is never filled",
        f"{_SWEEP}/plan.py",
        "Verdict(gap=(last, mask)) if self.patience and was_away and last is not None else Verdict()",
        "Verdict()",
        ("tests/engine/sweep/test_plan.py",),
    ),
    Mutant(
        "plan: a told end is not run up to",
        f"{_SWEEP}/plan.py",
        "self._absent >= self.patience and not self.is_told",
        "self._absent >= self.patience",
        ("tests/engine/sweep/test_plan.py",),
    ),
    Mutant(
        "sweeper: legs are remembered whatever prompts lie elsewhere",
        f"{_SWEEP}/sweeper.py",
        "behind, options, told, others, said)",
        "(), options, told, others, said)",
        ("tests/engine/sweep/test_prompted.py", "tests/engine/sweep/test_sweeper.py"),
    ),
    Mutant(
        "sweeper: legs are remembered whatever other objects hold",
        f"{_SWEEP}/sweeper.py",
        "options, told, others, said)",
        "options, told, None, said)",
        ("tests/engine/sweep/test_sweeper.py",),
    ),
    Mutant(
        "meeting: where two passes meet the last one holds",
        f"{_SWEEP}/meeting.py",
        "return fuse(pairs[0], pairs[1], nearness)",
        "return tracked.mask",
        ("tests/engine/sweep/test_meeting.py",),
    ),
    Mutant(
        "meeting: outlines count for nothing",
        f"{_SWEEP}/meeting.py",
        "_SHAPE * distances.at(share) + (1 - _SHAPE) * distances.of(mask)",
        "distances.of(mask)",
        ("tests/engine/sweep/test_meeting.py",),
    ),
    Mutant(
        "prompted: what a slice showed changes with later clicks elsewhere",
        f"{_SWEEP}/prompted.py",
        "said = ObjectPrompts.of(by_slice).until(index)",
        "said = ObjectPrompts.of(by_slice)",
        ("tests/engine/sweep/test_sweeper.py",),
    ),
    Mutant(
        "prompted: a mask is kept whatever was drawn elsewhere",
        f"{_SWEEP}/prompted.py",
        "self._previews.put(one, kept)",
        "self._previews.put(one, kept); self._previews.get = lambda g: next(\n"
        "                    (k for o, k in self._previews._items.items() if o.prompts == g.prompts), None)",
        ("tests/engine/sweep/test_prompted.py", "tests/session/test_one_truth.py"),
    ),
    Mutant(
        "steps: what an earlier sweep found stays where this one found nothing",
        f"{_SESSION}/steps.py",
        "del shown[label][index]  # an earlier",
        "pass  # an earlier",
        ("tests/session/test_steps.py", "tests/session/test_session.py"),
    ),
    Mutant(
        "steps: a step left in the middle is not written down",
        f"{_SESSION}/steps.py",
        "history.leave_sweep(sweep)",
        "pass",
        ("tests/session/test_session.py", "tests/session/test_one_truth.py"),
    ),
    Mutant(
        "trust: slices between strokes are compared with filled ones",
        f"{_SESSION}/trust.py",
        "drawn = sorted(z for z, mask in by_slice.items() if not mask.interpolated)",
        "drawn = sorted(by_slice)",
        ("tests/session/test_trust.py", "tests/session/test_steps.py"),
    ),
    Mutant(
        "history: what was done beside a sweep is lost with it",
        f"{_SESSION}/history.py",
        "self._held.append((action, after))",
        "pass",
        ("tests/session/test_history.py", "tests/session/test_session.py"),
    ),
)


def copied_to(folder: Path) -> Path:
    """A tree whose source may be broken: the rest of it are links."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in _BESIDE:
        (folder / name).symlink_to(ROOT / name)
    return folder


def survives(mutant: Mutant, tree: Path) -> bool:
    """Whether the tests are content with it."""
    path = tree / mutant.file
    sound = path.read_text()
    path.write_text(sound.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *mutant.tests]
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    finally:
        path.write_text(sound)
    if done.returncode not in (0, 1):  # neither passed nor failed: it was not tested
        said = done.stdout[-2000:] + done.stderr[-2000:]
        raise SystemExit(f"{mutant.name}: pytest ended with {done.returncode}\n{said}")
    return done.returncode == 0


def main() -> int:
    """Try them, and name those that nobody noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="", help="only mutants with this in their names")
    parser.add_argument("--list", action="store_true", help="name them, and try none")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if arguments.part in mutant.name]
    gone = [mutant.name for mutant in MUTANTS if not mutant.is_current]
    if gone:
        raise SystemExit(f"the code has changed under these mutants; write them anew: {'; '.join(gone)}")
    if arguments.list:
        print("\n".join(mutant.name for mutant in chosen))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        tree, alive = copied_to(Path(folder)), []
        for mutant in chosen:
            lives = survives(mutant, tree)
            print(f"{'SURVIVES' if lives else 'killed'}: {mutant.name}", flush=True)
            alive += [mutant.name] * lives
    print(f"{len(chosen) - len(alive)} of {len(chosen)} killed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
