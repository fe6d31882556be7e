"""``python -m volsweep``."""

from volsweep.cli import main

main()
