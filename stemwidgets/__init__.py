"""Rotationally invariant variational autoencoders for 4D-STEM in linked Jupyter dashboards.

The public names stand in ``__init__.pyi`` and load on first use, so that ``import stemwidgets`` is
instant.
"""

import os

import lazy_loader

from stemwidgets.folders import make_do
from stemwidgets.version import __version__ as __version__

# torch's threads wait busily otherwise: beside another program that takes a core, a training took
# ten times as long; read when torch is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
make_do()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
