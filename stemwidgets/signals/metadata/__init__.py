"""Metadata of scans in files: titles, units, dimensions, the beam."""
