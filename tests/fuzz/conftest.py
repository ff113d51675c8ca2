"""Memory and time are limited by means of Linux."""

import sys

collect_ignore_glob = [] if sys.platform == "linux" else ["test_fuzz_*.py"]
