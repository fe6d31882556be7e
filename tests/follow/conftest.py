"""A patient's two studies."""

from support.followed_patient import baseline, move, patient

__all__ = ["baseline", "move", "patient"]
