"""Report on a scan in the shell."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def check(file: Path, load_options: Mapping[str, Any], **known: Any) -> int:
    """Print a report on a scan and return 0; `known` holds semi-angle and beam energy.

    An InputError if this is no scan of diffraction patterns, an OSError if it cannot be read.
    """
    import stemwidgets as sw

    report = sw.check(file, progress=sys.stderr.isatty(), **load_options, **known)
    print(report)
    return 0
