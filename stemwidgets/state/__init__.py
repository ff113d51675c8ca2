"""One truth: the session, its training and the work in the background; no pixel."""

from stemwidgets.state.channels import Channel
from stemwidgets.state.session import Session
from stemwidgets.state.training import Training

__all__ = ["Channel", "Session", "Training"]
