"""Faults left out of a scan, in the metadata of its results."""

import json
from typing import Any

from stemwidgets.arrays.faults.left_out import LeftOut


def record_left_out(left_out: LeftOut, *signals: Any) -> None:
    """Record faults that are left out, in words and as JSON, if there are any."""
    if not left_out.words:
        return
    for signal in signals:
        signal.metadata.set_item("Stemwidgets.left_out", left_out.words)
        signal.metadata.set_item("Stemwidgets.faults", json.dumps(left_out.to_record()))
