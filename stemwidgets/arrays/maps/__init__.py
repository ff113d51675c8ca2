"""Statistics and geometry of maps over the scan."""
