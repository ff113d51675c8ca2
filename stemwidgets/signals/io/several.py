"""Several scans in one file, of which one is to be chosen."""

from typing import Any

from stemwidgets.arrays.errors import InputError


class SeveralScansError(InputError):
    """A file holds several scans, and none is chosen.

    `choices` has arguments of `stemwidgets.load` that choose each of them, by their description.
    """

    def __init__(self, message: str, choices: dict[str, dict[str, Any]]) -> None:
        super().__init__(message)
        self.choices = choices
