"""Patterns about their own centres: what the beam's wandering over the detector moves."""
