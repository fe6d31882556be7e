"""How an object lies to others: whether it may overlap, what it lies inside and outside of."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QMenu, QWidget

from volsweep.napari.controller import Controller


class RelationMenu(QMenu):
    """A menu about the object that is selected, made anew whenever it opens.

    Parameters
    ----------
    controller
        Whose objects they are.
    parent
        The widget that it belongs to.
    """

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        super().__init__("Overlap", parent)
        self._controller = controller
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Show how the object lies now."""
        self.clear()
        objects, labels = self._controller.objects, self._controller.state.labels
        value = objects.label
        label = objects.label_of(value)
        may = self.addAction("May overlap with other objects")
        may.setCheckable(True)
        may.setChecked(label.overlaps)
        may.toggled.connect(partial(objects.let_overlap, value))
        self.setEnabled(value in labels and not label.locked)
        self.addSeparator()
        inside, outside = self.addMenu("Inside"), self.addMenu("Outside")
        for other, named in sorted(labels.items()):
            if other == value:
                continue
            parent, neighbour = inside.addAction(named.name), outside.addAction(named.name)
            for action, checked in ((parent, label.inside == other), (neighbour, other in label.outside)):
                action.setCheckable(True)
                action.setChecked(checked)
            parent.toggled.connect(lambda on, v=value, o=other: objects.relate(v, inside=o if on else 0))
            around = set(label.outside) ^ {other}
            neighbour.toggled.connect(lambda _, v=value, o=around: objects.relate(v, outside=sorted(o)))
        for menu in (inside, outside):
            menu.setEnabled(len(labels) > 1)
