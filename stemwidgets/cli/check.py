"""Report on a scan in the shell."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def check(file: Path, load_options: Mapping[str, Any], **known: Any) -> int:
    """Print a report on a scan.

    Parameters
    ----------
    file : Path
        The scan.
    load_options : mapping
        Passed to `stemwidgets.load`.
    **known
        Passed to `stemwidgets.check`: semi-angle and beam energy.

    Returns
    -------
    int
        0, whatever the report says.

    Raises
    ------
    InputError
        If this is no scan of diffraction patterns.
    OSError
        If the file is missing or cannot be read.
    """
    import stemwidgets as sw

    report = sw.check(file, progress=sys.stderr.isatty(), **load_options, **known)
    print(report)
    return 0
