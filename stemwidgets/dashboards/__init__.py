"""Layout only: puts views on a page."""
