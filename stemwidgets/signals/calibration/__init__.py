"""Calibrations of a scan: measured, recorded, applied and undone."""
