"""Patterns about their own centres, free of the beam's wandering over the detector (descan)."""
