"""Files of microscopes and programs, opened for reading only."""
