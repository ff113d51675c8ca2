"""The colours of angles, for pictures made with matplotlib or HyperSpy."""

from functools import cache

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, ListedColormap

from stemwidgets.arrays.color_wheel import CYCLIC


@cache
def angle_colors() -> Colormap:
    """Colour map of angles from -π to π, that of the dashboards' maps.

    It runs in a circle: both ends have one colour. 0° (to the right) is the middle of the map, and
    90° (down) three quarters up. Matplotlib also knows it by name, as "stemwidgets_angle".

    Returns
    -------
    matplotlib.colors.ListedColormap
        256 colours; undefined angles (NaN) are grey.

    Examples
    --------
    >>> import numpy as np
    >>> import stemwidgets as sw
    >>> circle = {"cmap": sw.angle_colors(), "vmin": -np.pi, "vmax": np.pi}
    """
    from_minus_pi = np.roll(CYCLIC, len(CYCLIC) // 2, axis=0)
    colors = ListedColormap(from_minus_pi, name="stemwidgets_angle").with_extremes(bad="grey")
    matplotlib.colormaps.register(colors)  # HyperSpy looks them up by name
    return colors
