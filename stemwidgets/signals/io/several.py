"""Several scans in one file, of which one is to be chosen."""

from typing import Any

from stemwidgets.arrays.errors import InputError


class SeveralScansError(InputError):
    """A file holds several scans and does not say which one is meant.

    Parameters
    ----------
    message : str
        What there is, and what may be passed.
    choices : dict of str to dict
        Arguments of `stemwidgets.load` that choose each of them, by what is told of it.
    """

    def __init__(self, message: str, choices: dict[str, dict[str, Any]]) -> None:
        super().__init__(message)
        self.choices = choices
