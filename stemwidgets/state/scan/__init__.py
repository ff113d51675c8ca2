"""Properties of a session's scan: regions, beam, faults, calibration, preparation."""
