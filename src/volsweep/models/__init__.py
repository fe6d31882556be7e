"""Models by name: what exists, where the weights are, and fetching them when the user asks.

Nothing here imports torch, and nothing but `download` uses the network.
"""

from volsweep.models.fetch import Verification, download, verify
from volsweep.models.find import check_trusted, find_model
from volsweep.models.registry import DEFAULT_MODEL, MODELS, ModelSpec, checkpoint_path, sha256_of
from volsweep.models.transfer import ResumingDownloader
from volsweep.settings import models_folder

__all__ = [
    "DEFAULT_MODEL",
    "MODELS",
    "ModelSpec",
    "ResumingDownloader",
    "Verification",
    "check_trusted",
    "checkpoint_path",
    "download",
    "find_model",
    "models_folder",
    "sha256_of",
    "verify",
]
