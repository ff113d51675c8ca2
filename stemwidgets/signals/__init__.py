"""HyperSpy's door: files and signals to arrays, results to calibrated signals."""
