"""The error raised for bad input."""


class InputError(ValueError):
    """Input that cannot be used; the message says what was expected, what came and what to do."""
