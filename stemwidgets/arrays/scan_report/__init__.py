"""Report on the experiment behind a scan, before anything is computed from it."""
