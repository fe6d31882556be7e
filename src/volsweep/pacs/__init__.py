"""DICOMweb: find series on a PACS, fetch them whole, store results back.

>>> from pathlib import Path
>>> from volsweep.pacs import Query, Server, find, pull, push
>>> server = Server("https://pacs.example.org/dicom-web")
>>> for series in find(server, Query(accession="A123", modality="CT")):      # doctest: +SKIP
...     print(pull(server, series, Path("cache")).folder)
>>> push(server, [Path("labels.seg.dcm")])                                   # doctest: +SKIP
"""

from volsweep.pacs.find import Query, RemoteSeries, find
from volsweep.pacs.pull import Pulled, pull
from volsweep.pacs.push import Stored, push
from volsweep.pacs.server import Server

__all__ = ["Pulled", "Query", "RemoteSeries", "Server", "Stored", "find", "pull", "push"]
