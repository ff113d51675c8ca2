"""The error raised for bad input."""


class InputError(ValueError):
    """Input that cannot be used; the message says what was expected, what came and what to do.

    Examples
    --------
    >>> try:
    ...     signal = sw.load("frames.npy", scan_shape=(14, 25))
    ... except sw.InputError as error:
    ...     print(error)
    """
