"""Faulty pixels, rows, columns and single events of a detector: found and left out."""
