"""Training of an rrVAE on a scan, beside its centre of mass."""

from typing import Any

from stemwidgets.dashboards.dashboard import SIZE, Dashboard, session_of
from stemwidgets.dashboards.folded import Folded
from stemwidgets.views.angle_comparison import AngleComparisonView
from stemwidgets.views.decoder_view import DecoderView
from stemwidgets.views.export_panel import ExportPanel
from stemwidgets.views.latent_view import LatentView
from stemwidgets.views.loss_view import LossView
from stemwidgets.views.manifold_view import ManifoldView
from stemwidgets.views.map_view import MapView
from stemwidgets.views.pattern_view import PatternView
from stemwidgets.views.readout_view import ReadoutView
from stemwidgets.views.seeds_panel import SeedsPanel
from stemwidgets.views.spectrum_view import SpectrumView
from stemwidgets.views.train_panel import TrainPanel


def rrvae_dashboard(
    source: Any, lazy: bool = False, mode: str = "desk", **load_options: Any
) -> Dashboard:
    """Maps, pattern, latent space and training of one scan, all linked.

    Parameters
    ----------
    source, lazy, mode, **load_options
        As for :func:`stemwidgets.explore`, as are the page and the errors.

    Examples
    --------
    >>> page = sw.rrvae_dashboard(signal)
    >>> page.session.training.start()
    """
    session = session_of(source, lazy, mode, load_options, "rrvae_dashboard")
    parts: dict[str, Any] = {
        "com_angle": MapView(session, "COM angle", SIZE),
        "angle": MapView(session, "angle", SIZE),
        "train": TrainPanel(session),
        "loss": LossView(session, width=SIZE),
        "angles": AngleComparisonView(session, SIZE),
        "latent": LatentView(session, size=SIZE),
        "pattern": PatternView(session, "difference from the mean", size=SIZE),
        "readout": ReadoutView(session),
        "decoder": DecoderView(session, SIZE),
        "manifold": ManifoldView(session, size=SIZE),
        "z1": MapView(session, "z1", SIZE),
        "z2": MapView(session, "z2", SIZE),
        "angle_spread": MapView(session, "angle spread", SIZE),
        "seeds": SeedsPanel(session),
        "spectrum": Folded(
            session,
            "Spectrum of the scan …",
            "power over scan frequency, with the limit below which neighbours share signal",
            lambda: SpectrumView(session),
        ),
        "take_away": ExportPanel(session),
    }
    page = Dashboard(session, parts, mode, comparison=parts["angles"].parts["words"])
    session.limiting.ask()
    session.mailbox.post("warm-up", session.training.warm_up, delay=0.5)  # once the page is sent
    return page
