"""What a scan tells of its experiment, before anything is computed from it."""
