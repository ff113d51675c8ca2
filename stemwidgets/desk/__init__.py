"""The session that users open: on a file, a signal or an array, linked with HyperSpy."""
