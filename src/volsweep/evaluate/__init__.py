"""How good the masks are: DSC, NSD and the interactive protocols, beside baselines."""

from volsweep.cases.manifest import Case, read_cases
from volsweep.evaluate.evaluation import Options, evaluate, evaluate_each
from volsweep.evaluate.protocols import Protocol
from volsweep.evaluate.report import Report, Scored
from volsweep.evaluate.scores import Method, Row, Score

__all__ = [
    "Case",
    "Method",
    "Options",
    "Protocol",
    "Report",
    "Row",
    "Score",
    "Scored",
    "evaluate",
    "evaluate_each",
    "read_cases",
]
