"""What all tests need: nothing is kept outside their own folders."""

import os

os.environ["STEMWIDGETS_CACHE"] = ""  # servers and scripts that tests start have it too
