"""Circular harmonics that fit the data, in which patterns turn by a phase."""
