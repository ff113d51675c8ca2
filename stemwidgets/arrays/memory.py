"""How much memory is left."""

import re
from pathlib import Path


def free_memory() -> int | None:
    """Bytes of main memory that may still be taken; None where the system does not tell."""
    try:
        found = re.search(r"MemAvailable: *(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return None
    return None if found is None else 1024 * int(found[1])
