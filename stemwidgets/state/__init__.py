"""One truth for many views: the session, its training and its background work."""
