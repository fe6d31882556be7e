"""One exception tree: every failure that Volsweep foresees is a `VolsweepError`.

::

    VolsweepError
    ├── SettingsError            an environment variable, or no home folder
    ├── InputError               what was given to read
    │   └── GeometryError        slices, or two geometries, that do not fit
    │       └── GapsError        slices are missing: gaps="keep" loads the others
    ├── PromptError              a prompt
    ├── SessionError             not in the session's present state
    ├── OutputError              a result that cannot be written
    ├── ModelError               a model or its weights
    │   └── DownloadError        weights that cannot be fetched
    │       └── DownloadCancelled
    ├── EngineError              the network while it runs
    │   └── EngineMemoryError
    ├── BatchError               a batch that cannot start
    └── PacsError                a DICOMweb server

A message says what is wrong, with the offending value, and what to do about it.
Nothing here subclasses `RuntimeError`: a generator that raises one inside a superqt
worker ends without `errored` or `finished`, and the window waits for ever.
"""


class VolsweepError(Exception):
    """Base of everything Volsweep raises on purpose."""


class SettingsError(VolsweepError):
    """An environment variable says nothing that can be followed, or a folder that is needed cannot be found."""


class InputError(VolsweepError):
    """What was given to read is missing, damaged, or not an image volume."""


class GeometryError(InputError):
    """The slices do not form one volume, or two geometries that must agree do not."""


class GapsError(GeometryError):
    """Slices are missing, damaged or unequally spaced; those there are load with ``gaps="keep"``."""


class PromptError(VolsweepError):
    """A prompt is outside the volume, malformed, or names something that does not exist."""


class SessionError(VolsweepError):
    """The session cannot do what was asked in its present state (a locked label, no prompts)."""


class OutputError(VolsweepError):
    """A result could not be written, or what was read back is not what was written."""


class ModelError(VolsweepError):
    """A model is unknown, its files are missing or damaged, or they do not fit each other."""


class DownloadError(ModelError):
    """Weights could not be fetched or are not the ones that were published."""


class DownloadCancelled(DownloadError):  # noqa: N818
    """The user stopped a download; nothing of it was kept."""


class EngineError(VolsweepError):
    """The network failed while running; torch's own errors arrive as this."""


class EngineMemoryError(EngineError):
    """The device ran out of memory."""


class BatchError(VolsweepError):
    """A batch cannot start: its manifest, its folder or its cluster is not as it must be."""


class PacsError(VolsweepError):
    """A DICOMweb server cannot be reached, refuses, or does not do what was asked."""
