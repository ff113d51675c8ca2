"""Layout only: views put on a page."""
