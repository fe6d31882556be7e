"""The next study: a patient's objects carried from one study to another, drawn anew there, and what changed."""

from volsweep.follow.follow import FollowUp, follow
from volsweep.follow.report import to_sr
from volsweep.follow.response import Category, Change, Fate, Response, response_of, to_csv
from volsweep.registration.register import Registration, register

__all__ = [
    "Category",
    "Change",
    "Fate",
    "FollowUp",
    "Registration",
    "Response",
    "follow",
    "register",
    "response_of",
    "to_csv",
    "to_sr",
]
