"""The network as it looks now, and as it looked when masks that are shown were made."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from volsweep.errors import EngineError, ModelError
from volsweep.intensity import Window
from volsweep.models import MODELS, ModelSpec, find_model
from volsweep.session.actions import MadeWith, checked
from volsweep.volume import Volume

if TYPE_CHECKING:
    from volsweep.engine.engine import Engine
    from volsweep.remote.engine import RemoteEngine, Server
    from volsweep.remote.wire import Looks

    AnyEngine: TypeAlias = Engine | RemoteEngine

_MOST = 4
"""Kept at once; each holds features and masks up to its own bounds."""


@lru_cache(maxsize=8)
def arithmetic(device: str) -> dict[str, str]:
    """Precision and processor of a device, as fields of `MadeWith`; nothing where there is no such device."""
    from volsweep.engine.network.device import arithmetic  # torch: seconds to import

    try:
        precision, processor = arithmetic(device)
    except EngineError:  # said when a mask is asked for
        return {}
    return {"precision": precision, "processor": processor}


class Engines:
    """Engines by what they look through; the ones used last are kept.

    Parameters
    ----------
    load
        Makes one.
    """

    def __init__(self, load: Callable[[MadeWith], AnyEngine]) -> None:
        self._load = load
        self._kept: dict[tuple[MadeWith, str], AnyEngine] = {}

    def of(self, made_with: MadeWith, device: str) -> AnyEngine:
        """The engine that looks through this, on a device; in what it multiplies is for the device to say."""
        key = (made_with.view, device)
        engine = self._kept.pop(key, None) or self._load(key[0])
        self._kept[key] = engine
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
        return engine

    def clear(self) -> None:
        """Let go of all."""
        self._kept.clear()


class Networked(ABC):
    """What a session's masks are made with: model, window, zoom, device, and the engines that make them."""

    volume: Volume
    window: Window
    model: ModelSpec
    device: str
    zoom: float | None
    server: Server | None = None
    """Where the networks run, if not here."""
    _now: MadeWith
    _engines: Engines

    def use(
        self,
        *,
        model: ModelSpec | None = None,
        window: Window | None = None,
        device: str | None = None,
        zoom: float | Literal["auto", "keep"] | None = "keep",
        server: str | None = "keep",
    ) -> None:
        """Use another model, window, device, zoom or server from now on; masks found so far stay as they are.

        ``server=None`` runs the networks here, ``"keep"`` where they run.
        """
        if server != "keep":
            self._run_at(server)
        another = model is not None and model != self.model
        self.model, self.window, self.device = model or self.model, window or self.window, device or self.device
        if zoom != "keep" or another:
            self.zoom = self.model.zoom if isinstance(zoom, str) else zoom
        self._note_made_with()

    def _note_made_with(self) -> None:
        window, model = (self.window.center, self.window.width), str(self.model.weights_path or self.model.id)
        self._now = checked(MadeWith, window=window, model=model, zoom=self.zoom)

    def _made_with(self) -> MadeWith:
        """All that a mask depends on now, beside its prompts and their plane: the one place where it is made."""
        return self._now.model_copy(update=self._arithmetic())

    def _arithmetic(self) -> dict[str, str]:
        return arithmetic(self.device) if self.server is None else self.server.arithmetic

    def _run_at(self, server: str | None) -> None:
        """Run the networks on a server, by its address; None: here."""
        from volsweep.remote.engine import Server  # requests

        self.server = None if server is None else Server(server)
        self._engines.clear()

    def _looks(self, made_with: MadeWith) -> Looks:
        from volsweep.remote.wire import Looks

        spec = self._spec(made_with)
        if spec.weights_path is not None:
            raise ModelError(
                f"a server runs models of its own, and {spec.id} is a file here; name one of: {', '.join(MODELS)}"
            )
        zoom = spec.zoom if isinstance(made_with.zoom, str) else made_with.zoom
        return Looks(window=made_with.window, model=spec.id, zoom=zoom)

    def _use_again(self, told: set[str], tell: Callable[[str], None], made_with: MadeWith) -> None:
        """Use what a recorded action was made with; what cannot be used again is told, each thing once."""
        if made_with.view != self._now:
            self.use(model=self._spec(made_with), window=Window(*made_with.window), zoom=made_with.zoom)
        note = made_with.told_apart(self._made_with())
        if note is not None and note not in told:
            told.add(note)
            tell(note)

    def _spec(self, made_with: MadeWith) -> ModelSpec:
        return self.model if made_with.model == self._now.model else find_model(made_with.model)

    def release(self) -> None:
        """Let go of what the network has encoded; it is encoded again when it is needed."""
        self._engines.clear()

    @property
    def engine(self) -> AnyEngine:
        """The network and what it has encoded; loaded when first needed."""
        return self._engines.of(self._now, self.device)

    def _load(self, made_with: MadeWith) -> AnyEngine:
        if self.server is not None:
            return self.server.engine(self.volume, self._looks(made_with))
        from volsweep.engine.engine import Engine  # torch: seconds to import

        spec, window = self._spec(made_with), Window(*made_with.window)
        zoom = spec.zoom if isinstance(made_with.zoom, str) else made_with.zoom
        return Engine.load(spec, self.device, self.volume, window, zoom)
