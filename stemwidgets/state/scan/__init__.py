"""What a session knows of its scan: regions, beam, faults, calibration, preparation."""
