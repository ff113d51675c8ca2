"""Maps of a scan as calibrated signals."""
