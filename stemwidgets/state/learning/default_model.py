"""The model that a session trains by default."""

from typing import Any


def default_model(**options: Any) -> Any:
    """Make an rrVAE; torch is loaded by the first one made, not by opening a scan."""
    from stemwidgets.rrvae.model import RRVAE

    return RRVAE(**options)
