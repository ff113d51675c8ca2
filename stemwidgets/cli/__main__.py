"""``python -m stemwidgets.cli``: the command line of this very Python."""

import sys

from stemwidgets.cli import main

sys.exit(main())
