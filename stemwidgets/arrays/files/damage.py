"""Scans whose files are damaged or cut off."""

from collections.abc import Iterator
from contextlib import contextmanager

from stemwidgets.arrays.errors import InputError

SIGNS = ("decompress", "truncat", "checksum", "crc-32", "unexpected end")  # in a decoder's error


def of_damaged_file(error: BaseException) -> str | None:
    """Description of a decoder's error on a damaged file; None for any other error."""
    if not any(sign in str(error).lower() for sign in SIGNS):
        return None
    return (
        "A part of the scan could not be read: its file is damaged or cut off "
        f"({type(error).__name__}: {error}). Copy it again from where it was recorded."
    )


@contextmanager
def decoding() -> Iterator[None]:
    """Raise an InputError in place of a decoder's error on a damaged file, where it is decoded."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        words = of_damaged_file(error)
        if words is None:
            raise
        raise InputError(words) from error
