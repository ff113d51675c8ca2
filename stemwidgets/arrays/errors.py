"""The error that bad input gets."""


class InputError(ValueError):
    """Input that cannot be used; the message says what was expected, what came and what to do."""
