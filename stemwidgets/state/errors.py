"""Errors as sentences for the screen."""

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.damage import of_damaged_file
from stemwidgets.arrays.files.disk import UnwrittenError
from stemwidgets.rrvae.common.notices import DivergenceError

_IN_WORDS = InputError | DivergenceError | UnwrittenError | FileNotFoundError | TimeoutError


def in_words(error: BaseException) -> str:
    """An error as a sentence for the screen."""
    if isinstance(error, _IN_WORDS):
        return str(error)
    return of_damaged_file(error) or f"{type(error).__name__}: {error}"
