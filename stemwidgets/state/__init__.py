"""State of a session: its scan, its training and the work in the background; no pixel."""

from stemwidgets.state.channels import Channel
from stemwidgets.state.learning.training import Training
from stemwidgets.state.session import ScanSession

__all__ = ["Channel", "ScanSession", "Training"]
