"""Options on the command line for the file of a scan: the arguments of `stemwidgets.load`."""

import argparse
import re
from pathlib import Path
from typing import Any

_PAIR = r"\(([^(),]+), ([^(),]+)\)"
_NUMBERS = ("flyback", "skip", "index", "offset")
_WORDS = ("reader", "dataset", "dtype")


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add the file, and options for what it does not state itself."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the scan, in any format we read")
    parser.add_argument(
        "--lazy", action="store_true", help="leave the patterns on disk: for scans beyond memory"
    )
    shape: dict[str, Any] = {"nargs": 2, "type": int, "metavar": ("ROWS", "COLUMNS")}
    parser.add_argument(
        "--scan-shape",
        **shape,
        help="shape of the scan, for a file that holds a plain sequence of patterns",
    )
    parser.add_argument(
        "--flyback",
        type=int,
        default=0,
        metavar="N",
        help="frames at the end of each row to leave out, as the beam flew back (default: 0)",
    )
    parser.add_argument(
        "--skip",
        nargs="+",
        type=int,
        default=[0],
        metavar="N",
        help="frames to leave out at the start of the sequence, or at the start and at the end",
    )
    parser.add_argument(
        "--reader", metavar="NAME", help="RosettaSciIO reader, for suffixes that formats share"
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="which data set, for a file that holds several"
    )
    parser.add_argument(
        "--index", type=int, metavar="N", help="which place along a third scan axis, such as depth"
    )
    parser.add_argument(
        "--pattern-shape", **shape, help="shape of a pattern, for a file of raw numbers"
    )
    parser.add_argument(
        "--dtype", metavar="TYPE", help='type of a pixel in a file of raw numbers, such as "uint16"'
    )
    parser.add_argument(
        "--offset",
        type=int,
        default=0,
        metavar="BYTES",
        help="bytes before the first pattern in a file of raw numbers (default: 0)",
    )


def load_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `stemwidgets.load` that were given."""
    shapes = {
        name: tuple(chosen)
        for name in ("scan_shape", "pattern_shape")
        if (chosen := getattr(arguments, name)) is not None
    }
    told = {name: getattr(arguments, name) for name in ("flyback", "offset", *_WORDS)}
    skip = arguments.skip[0] if len(arguments.skip) == 1 else tuple(arguments.skip)
    index = {} if arguments.index is None else {"index": arguments.index}
    options = {**shapes, **told, "skip": skip, "lazy": arguments.lazy, **index}
    return {name: value for name, value in options.items() if value or name in ("lazy", "index")}


def as_options(message: str) -> str:
    """Rewrite advice that is given as Python for the command line.

    ``pass scan_shape=(3, 3), flyback=1`` becomes ``pass --scan-shape 3 3 --flyback 1``.
    """
    arguments = rf"(?:scan_shape|pattern_shape|skip)={_PAIR}|(?:{'|'.join(_NUMBERS)})=-?\d+"
    words = rf"(?:{'|'.join(_WORDS)})=\"[^\"]*\"|lazy=True"
    one = rf"(?:{arguments}|{words})"
    message = re.sub(rf"({one}), (?={one})", r"\1 ", message)
    message = re.sub(
        rf"\b(scan_shape|pattern_shape|skip)={_PAIR}",
        lambda found: f"--{found[1].replace('_', '-')} {_value(found[2])} {_value(found[3])}",
        message,
    )
    message = re.sub(rf"\b({'|'.join(_NUMBERS)})=(-?\d+)", r"--\1 \2", message)
    message = re.sub(rf"\b({'|'.join(_WORDS)})=(\"[^\"]*\")", r"--\1 \2", message)
    return message.replace("lazy=True", "--lazy")


def _value(text: str) -> str:
    """Rewrite a placeholder in capitals; a number stays as it is."""
    return text if text.lstrip("-").isdigit() else text.upper()
