"""Packages that only a simulation needs."""

from importlib import import_module
from typing import Any


def required(name: str) -> Any:
    """A package of the extra ``simulate``; the ImportError without it says how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"Simulating takes {name}, which is not installed. Install abTEM, which brings ase: "
            'python -m pip install "abtem>=1.0.9,<2"'
        ) from error
