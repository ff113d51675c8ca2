"""Sessions on disk: as files of the user, and in the cache from which they are restored."""
