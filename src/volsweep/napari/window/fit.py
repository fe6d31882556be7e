"""Small screens: sections that are seldom used are folded until the rest is in sight, unless someone said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QScrollArea, QWidget

from volsweep.napari.panels.files import choice, choose
from volsweep.napari.panels.widgets import Section


class Growing(Protocol):
    """What can be higher than it is."""

    @property
    def wanted_height(self) -> int:
        """The pixels that it would take beyond those that it always has."""

    def take(self, spare: int) -> int:
        """Take what it wants of the pixels that are left, and return how many these are."""


class Fit(QObject):
    """Folds sections of a scrolled column as far as its height asks for.

    Parameters
    ----------
    scroll
        The scrolled column. It is never higher than what it holds, so that what follows it stands close below.
    around
        Whose height and visible parts decide how much room there is.
    sections
        What may be folded, by the name under which a user's choice is kept; the first is folded first.
    growing
        A list that shows more rows where there is room; sections are folded to make it.
    """

    def __init__(self, scroll: QScrollArea, around: QWidget, sections: Mapping[str, Section], growing: Growing) -> None:
        super().__init__(around)
        self._growing, self._taken = growing, 0
        said = {name: choice(f"fold-{name}", "") for name in sections}
        self.chosen = {name: word == "yes" for name, word in said.items() if word}
        """Sections that someone folded, or unfolded, by hand."""
        self._scroll: Any = scroll
        self._around: Any = around
        self._sections = sections
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self.fit)
        for name, section in sections.items():
            section.folded_by_hand.connect(lambda name=name: self._choose(name))
        around.installEventFilter(self)
        inner = scroll.widget()
        assert inner is not None
        inner.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Look again when the room, or what is in it, is another."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._timer.start()
        return bool(super().eventFilter(watched, event))

    def soon(self) -> None:
        """Look again when all that happens now has happened."""
        self._timer.start()

    def fit(self) -> None:
        """Fold what does not fit."""
        inner = self._scroll.widget()
        room = self._room()
        for name, said in self.chosen.items():
            if not self._sections[name].needed:
                self._sections[name].fold(said)
        free = [section for name, section in self._sections.items() if not section.needed and name not in self.chosen]
        height = _height(inner) - self._taken + self._growing.wanted_height
        for section in free:
            if section.folded:
                height += section.inner.sizeHint().height() + section.spacing
        for section in free:
            fold = height > room
            if fold != section.folded:
                section.fold(fold)
            if fold:
                height -= section.inner.sizeHint().height() + section.spacing
        self._taken = self._growing.take(room - (_height(inner) - self._taken))
        highest = _height(inner) + 2
        if self._scroll.maximumHeight() != highest:
            self._scroll.setMaximumHeight(highest)

    def _room(self) -> int:
        """What is left for the column in the widget around it."""
        layout = self._around.layout()
        margins = layout.contentsMargins()
        taken = margins.top() + margins.bottom()
        for i in range(layout.count()):
            item = layout.itemAt(i)
            widget = item.widget()
            if widget is None or widget is self._scroll or widget.isHidden():
                continue
            # As high as it is: what wraps its words would like to be much higher.
            taken += widget.height() + layout.spacing()
        return int(self._around.height() - taken)

    def _choose(self, name: str) -> None:
        self.chosen[name] = self._sections[name].folded
        choose(f"fold-{name}", "yes" if self.chosen[name] else "no")
        self._timer.start()


def _height(inner: Any) -> int:
    """As high as the column would be now: what changed far inside it would be told to it by events, one level each."""
    for widget in reversed(inner.findChildren(QWidget)):  # what is within others comes before them
        if widget.layout() is not None:
            widget.layout().activate()
    layout = inner.layout()
    layout.activate()
    return int(layout.sizeHint().height())
