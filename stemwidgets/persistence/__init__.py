"""Sessions on disk: as files of the user, and in the cache that brings them back."""
