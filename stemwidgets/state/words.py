"""What went wrong, as a sentence for the screen."""

from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.divergence import DivergenceError

_OF_DAMAGED_FILES = ("decompress", "truncat", "checksum", "crc-32", "unexpected end")


def in_words(error: BaseException) -> str:
    """An error as a sentence for the screen."""
    if isinstance(error, InputError | DivergenceError | FileNotFoundError | TimeoutError):
        return str(error)
    if any(sign in str(error).lower() for sign in _OF_DAMAGED_FILES):
        return (
            "A part of the scan could not be read: its file is damaged or cut off "
            f"({type(error).__name__}: {error}). Copy it again from where it was recorded."
        )
    return f"{type(error).__name__}: {error}"
