"""HyperSpy's door: files and signals to arrays, results to calibrated signals."""

import warnings

with warnings.catch_warnings():
    # pyxem 0.21 imports a name that HyperSpy 2.5 has moved; users can do nothing about it
    warnings.filterwarnings("ignore", message="`_get_block_pattern` has moved")
    import pyxem.signals  # noqa: F401
