"""The harmonic rrVAE: its training, its posterior and its decoder."""
