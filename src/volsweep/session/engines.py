"""The network as it looks now, and as it looked when masks that are shown were made."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from volsweep.errors import EngineError, ModelError, SessionError
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.models import MODELS, ModelSpec, checkpoint_path, find_model, sha256_of
from volsweep.models.registry import digest_of
from volsweep.prompts.base import checked
from volsweep.session.actions import MadeWith
from volsweep.volume import Volume

if TYPE_CHECKING:
    from volsweep.remote.engine import Server
    from volsweep.remote.wire import Looks
    from volsweep.session.networks.any_engine import AnyEngine
    from volsweep.session.second.series import SecondSeries

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
        self._offered: dict[tuple[MadeWith, str], AnyEngine] = {}

    def of(self, made_with: MadeWith, device: str) -> AnyEngine:
        """The engine that looks through this, on a device; in what it multiplies is for the device to say."""
        key = (made_with.view, device)
        engine = self._kept.pop(key, None) or self._offered.get(key) or self._load(key[0])
        self._offered, self._kept[key] = {}, engine
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
        return engine

    def offer(self, others: Engines) -> None:
        """Take over another's, if what is asked for first looks through the same; else they are let go then."""
        self._offered = dict(others._kept)

    def latest(self) -> AnyEngine | None:
        """The one that was used last, if one was."""
        return next(reversed(self._kept.values()), None)

    def clear(self) -> None:
        """Let go of all."""
        self._kept.clear()
        self._offered.clear()


class Networked(ABC):
    """What a session's masks are made with: model, window, zoom, device, and the engines that make them."""

    volume: Volume
    window: Window
    model: ModelSpec
    device: str
    zoom: float | None
    server: Server | None = None
    """Where the networks run, if not here."""
    second: SecondSeries | None = None
    """The second series that the network looks at now, too."""
    _seconds: Mapping[str, SecondSeries] = MappingProxyType({})
    reader: str
    """Initials of whoever works; empty where nobody gave any."""
    _now: MadeWith
    _engines: Engines

    def use(
        self,
        *,
        model: ModelSpec | None = None,
        window: Window | None = None,
        device: str | None = None,
        zoom: float | Literal["auto", "keep"] | None = "keep",
        second: SecondSeries | Literal["keep"] | None = "keep",
        server: str | None = "keep",
    ) -> None:
        """Use another model, window, device, zoom, second series or server from now on; masks found stay as they are.

        ``second=None`` looks at the first series alone, ``server=None`` runs the networks here; ``"keep"`` as it is.
        """
        if server != "keep":
            self._run_at(server)
        if not isinstance(second, str):
            self._look_at_second(second)
        another = model is not None and model != self.model
        self.model, self.window, self.device = model or self.model, window or self.window, device or self.device
        if zoom != "keep" or another:
            self.zoom = self.model.zoom if isinstance(zoom, str) else zoom
        self._note_made_with()

    def _note_made_with(self) -> None:
        window, model = (self.window.center, self.window.width), self.model.asked_as
        second = None if self.second is None else self.second.key
        self._now = checked(MadeWith, window=window, model=model, zoom=self.zoom, second=second)

    def _look_at_second(self, second: SecondSeries | None) -> None:
        """Look at a second series, too, or no more; those of before are known for what was made with them."""
        if second is not None:
            self.know(second)
        self.second = second

    @property
    def seconds(self) -> Mapping[str, SecondSeries]:
        """All second series that there were, by their keys."""
        return self._seconds

    def know(self, second: SecondSeries) -> None:
        """Be told of a second series that masks were made with; it is looked at again where these are made again.

        Raises
        ------
        SessionError
            If it was laid over another volume.
        """
        if not second.volume.grid.matches(self.volume.grid):
            raise SessionError(
                f"the second series was laid over a volume of {second.volume.shape_zyx}, and this one is "
                f"{self.volume.shape_zyx}; lay it over this one (SecondSeries.beside)"
            )
        self._seconds = {**self._seconds, second.key: second}

    def _who(self) -> str:
        return self.reader

    def _made_with(self) -> MadeWith:
        """All that a mask depends on now, beside its prompts and their plane: the one place where it is made."""
        return self._now.model_copy(update=self._arithmetic() | self._weights())

    def _arithmetic(self) -> dict[str, str]:
        return arithmetic(self.device) if self.server is None else self.server.arithmetic

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 of the weights that make masks now, wherever they are; None where a server does not tell."""
        if self.server is None:
            return sha256_of(checkpoint_path(self.model))
        told = self.engine.describe().get("weights")
        return None if told is None else str(told)

    def _weights(self) -> dict[str, str]:
        """Which weights are here; a server's are not known."""
        with suppress(ModelError, OSError):  # said when a mask is asked for
            return {} if self.server is not None else {"weights": digest_of(self.model)}
        return {}

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
            window, second = Window(*made_with.window), self._second_of(made_with)
            self.use(model=self._spec(made_with), window=window, zoom=made_with.zoom, second=second)
        note = made_with.told_apart(self._made_with())
        if note is not None and note not in told:
            told.add(note)
            tell(note)

    def _spec(self, made_with: MadeWith) -> ModelSpec:
        return self.model if made_with.model == self._now.model else find_model(made_with.model)

    def release(self) -> None:
        """Let go of what the network has encoded; it is encoded again when it is needed."""
        self._engines.clear()

    def encode(self, plane: Plane, index: int) -> int:
        """Encode a slice before anybody prompts it, as `volsweep.session.networks.any_engine` says; changes nothing."""
        return self.engine.encode(plane, index)

    def take_over(self, other: Networked) -> None:
        """Use what another session of the same volume has encoded, where this one looks at it in the same way.

        Raises
        ------
        SessionError
            If it is of another volume.
        """
        if other.volume is not self.volume:
            raise SessionError("what was encoded is of another volume; take over a session of this very one")
        self._engines.offer(other._engines)

    def get_ready(self) -> None:
        """Do what the next click at the latest mask would wait for, while its reader looks at that; changes nothing."""
        engine = self._engines.latest()
        if engine is not None:
            engine.get_ready()

    @property
    def engine(self) -> AnyEngine:
        """The network and what it has encoded; loaded when first needed."""
        return self._engines.of(self._now, self.device)

    def _second_of(self, made_with: MadeWith) -> SecondSeries | None:
        """The second series that masks were made with.

        Raises
        ------
        SessionError
            If it is none that was given.
        """
        if made_with.second is None:
            return None
        if made_with.second not in self._seconds:
            raise SessionError(
                "masks were made with a second series that is not the one given here, not in the same place, or seen "
                "through another window; give the one that the session names"
            )
        return self._seconds[made_with.second]

    def _load(self, made_with: MadeWith) -> AnyEngine:
        second = self._second_of(made_with)
        if second is None:
            return self._engine_on(self.volume, made_with)
        from volsweep.session.second.fused import FusedEngine

        window = (second.window.center, second.window.width)
        alone = made_with.model_copy(update={"second": None})  # each network looks at one series
        first = self._engine_on(self.volume, alone)
        other = self._engine_on(second.volume, alone.model_copy(update={"window": window}))
        return FusedEngine(first, other, self.volume.grid, second.imaged_zyx)

    def _engine_on(self, volume: Volume, made_with: MadeWith) -> AnyEngine:
        if self.server is not None:
            return self.server.engine(volume, self._looks(made_with))
        from volsweep.engine.engine import Engine  # torch: seconds to import

        spec, window = self._spec(made_with), Window(*made_with.window)
        zoom = spec.zoom if isinstance(made_with.zoom, str) else made_with.zoom
        return Engine.load(spec, self.device, volume, window, zoom)
