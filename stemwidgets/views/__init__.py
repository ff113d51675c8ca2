"""One view per file: each reads and writes the session, and none knows another."""
