"""Pictures made with matplotlib colour angles as the dashboards do."""

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np

import stemwidgets as sw
from stemwidgets.views.pictures.colors import cyclic


def test_angles_have_the_colours_of_the_dashboards():
    angle = np.radians([[-170.0, -90.0, 0.0], [45.0, 90.0, 170.0]])
    shown = sw.angle_colors()((angle + np.pi) / (2 * np.pi), bytes=True)
    assert np.abs(shown.astype(int) - cyclic(angle)).max() <= 4


def test_colours_of_angles_run_in_a_circle_and_unknown_ones_are_grey():
    colors = sw.angle_colors()
    np.testing.assert_allclose(colors(0.0), colors(1.0), atol=0.02)
    red, green, blue, _ = colors(np.nan)
    assert red == green == blue


def test_hyperspy_draws_with_the_colours_of_angles():
    angle = hs.signals.Signal2D(np.linspace(-3, 3, 12).reshape(3, 4))
    (panel,) = hs.plot.plot_images([angle], cmap=sw.angle_colors(), colorbar=None)
    assert panel.images[0].get_cmap().name == "stemwidgets_angle"
    plt.close(panel.figure)
