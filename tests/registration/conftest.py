"""A patient's two studies, as what follows them has them."""

from support.followed_patient import baseline, move, patient

__all__ = ["baseline", "move", "patient"]
