"""Server…: where the network runs if not here, and how far the volume is on its way there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

from napari.qt.threading import create_worker
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from volsweep.errors import VolsweepError, sentence
from volsweep.napari.controller import Controller
from volsweep.napari.panels.files import choice, choose
from volsweep.napari.panels.widgets import note, plain

_ABOUT = (
    "The volume goes to a computer that runs `volsweep serve`, once, and prompts and masks after that. Give the "
    "address that it printed; the token is kept nowhere."
)


class ServerDialog(QDialog):
    """Asks for a server's address and token, and whether it answers."""

    agreed = Signal(object)
    """Its address, with the token; None for this machine."""

    def __init__(self, parent: QWidget, *, in_use: bool) -> None:
        super().__init__(parent)
        self.setWindowTitle("Volsweep server")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.address = QLineEdit(choice("server", ""))
        self.address.setPlaceholderText("http://127.0.0.1:8765/#token=…")
        self.token = QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("where the address does not hold it")
        form = QFormLayout()
        form.addRow("Address", self.address)
        form.addRow("Token", self.token)
        self.says = note(_ABOUT)
        self.says.setMinimumWidth(380)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.connecting = buttons.addButton("Connect", QDialogButtonBox.ButtonRole.ActionRole)
        self.connecting.setDefault(True)
        self.here = buttons.addButton("Run on this machine", QDialogButtonBox.ButtonRole.ActionRole)
        self.here.setVisible(in_use)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.says)
        column.addWidget(buttons)
        buttons.rejected.connect(self.reject)
        self.connecting.clicked.connect(self._connect)
        self.here.clicked.connect(partial(self._agree, None))

    def _connect(self) -> None:
        """Ask the server who it is, beside the window: it may be long in answering."""
        text, token = self.address.text().strip(), self.token.text().strip()
        if token:
            text = f"{text.partition('#')[0]}#token={quote(token)}"
        self.connecting.setEnabled(False)
        plain(self.says, "Asking the server …")
        worker = create_worker(_answer, text, _start_thread=False)
        worker.returned.connect(self._on_answer)
        worker.start()

    def _on_answer(self, found: _Answer) -> None:
        self.connecting.setEnabled(True)
        if found.why_not:
            plain(self.says, f"{sentence(found.why_not)}.")
            return
        choose("server", found.url)
        self._agree(found.address)

    def _agree(self, address: str | None) -> None:
        self.agreed.emit(address)
        self.accept()


@dataclass(frozen=True)
class _Answer:
    """Of a server: its address with the token, and without; or why it is of no use."""

    address: str = field(repr=False)
    url: str = ""
    why_not: str = ""


def _answer(text: str) -> _Answer:
    """Ask a server who it is. An error is told, never returned: superqt raises what it finds among results."""
    from volsweep.remote.engine import Server  # requests

    try:
        server = Server(text)
        server.client.told = lambda _: None  # it is said once, when no try helped
        _ = server.arithmetic
    except VolsweepError as error:
        return _Answer(text, why_not=str(error))
    except Exception as error:  # a defect of ours, or no Volsweep at all
        return _Answer(text, why_not=f"the server's answer is not understood ({type(error).__name__})")
    return _Answer(text, server.client.address.url)


class ServerRow(QWidget):
    """What is where, below the model; nothing while all is here."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller, self._serving = controller, controller.serving
        self.dialog: ServerDialog | None = None
        self.button = QPushButton("Server…")
        self.button.setObjectName("volsweep_link")
        self.button.setToolTip("Run the network on another computer")
        self.button.clicked.connect(self.ask)
        self.where = note()
        self.again = QPushButton("Try again")
        self.again.clicked.connect(partial(self._serving.take_along, again=True))
        self.progress = QProgressBar()
        self.progress.setFixedHeight(22)
        row = QHBoxLayout()
        row.addWidget(self.where, 1)
        row.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.progress)
        self._serving.changed.connect(self.show_where)
        controller.volume_opened.connect(self.show_where)
        self.show_where()

    def ask(self) -> None:
        """Ask for a server."""
        self.dialog = ServerDialog(self, in_use=self._serving.address is not None)
        self.dialog.agreed.connect(self._serving.use)
        self.dialog.open()

    def show_where(self) -> None:
        """Say where the network runs and the volume lies."""
        serving = self._serving
        self.setVisible(serving.address is not None)
        self.again.setVisible(serving.is_lost)
        self.progress.setVisible(serving.sending is not None)
        if serving.address is None:
            return
        url = serving.address.partition("#")[0].rstrip("/")
        if serving.is_lost:
            text = f"No connection to {url}. What was done is here and kept."
        elif serving.sending is not None:
            done, total = serving.sending
            self.progress.setRange(0, total)
            self.progress.setValue(done)
            self.progress.setFormat(f"{done} of {total} slices sent")
            text = f"The volume goes to {url}."
        elif self._controller.volume is None:
            text = f"Volumes will go to {url}."
        elif serving.at.url:
            text = f"The network runs at {url} ({serving.at.machine}), where a copy of the volume is; all else is here."
        else:
            text = f"Asking {url} …"
        plain(self.where, text)
