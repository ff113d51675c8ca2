"""Files: what microscopes and programs write, opened for reading only."""
