"""The command line: ``stemwidgets demo``, and ``stemwidgets open``, ``check`` or ``fit FILE``."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from stemwidgets.arrays.errors import InputError
from stemwidgets.cli.fit_options import DETAILS, OF_MODEL, add_model
from stemwidgets.cli.load_options import add_input, as_options, load_options
from stemwidgets.rrvae.common.notices import DivergenceError
from stemwidgets.version import __version__

_DESCRIPTION = "Look into 4D-STEM scans with rotationally invariant autoencoders (rrVAE)."

# of the results of a fit and of what goes on beside it; the model has others
_FILES = ("maps_path", "model_path", "checkpoint", "resume", "overwrite", "mask_path", "silence")
_EXAMPLES = """\
examples:
  stemwidgets demo                      a simulated graphene scan, in the browser
  stemwidgets open scan.zspy            your own scan, in the browser
  stemwidgets check scan.mib            what is right and wrong with it, in the shell
  stemwidgets fit scan.mib --out maps.zspy --model graphene.rrvae
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit code: 0 done, 1 a result could not be written anywhere, 2 bad input, 130 interrupted.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print("\nstemwidgets: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        print(f"stemwidgets: {_process()}error: {_in_words(error)}", file=sys.stderr)
        return 2


def _process() -> str:
    """Number of this process, of several that torchrun has started."""
    number, count = (int(os.environ.get(name, "1")) for name in ("RANK", "WORLD_SIZE"))
    return f"process {number + 1} of {count}: " if count > 1 else ""


def _in_words(error: Exception) -> str:
    """One line on an error, marked where it was not foreseen."""
    message = " ".join(str(error).split())
    if isinstance(error, InputError | DivergenceError | OSError | ImportError):
        return as_options(message)
    return f"unexpected {type(error).__name__}: {message} (--debug shows where)"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stemwidgets",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"stemwidgets {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_open(commands)
    _add_check(commands)
    _add_fit(commands)
    return parser


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser(
        "demo",
        help="show a simulated graphene scan in the browser",
        description="Show the shipped simulated graphene scan in the browser. "
        "Click a position, press Train, watch the angle map appear. Ctrl-C ends it.",
    )
    _add_page_options(demo)
    demo.set_defaults(run=_demo)


def _add_open(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    open_ = commands.add_parser(
        "open",
        help="show a scan of your own in the browser",
        description="Show a 4D-STEM scan in the browser. Ctrl-C ends it.",
    )
    add_input(open_)
    _add_page_options(open_)
    open_.set_defaults(run=_open)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = commands.add_parser(
        "check",
        help="report on a scan: what is found and what is done about it, without a browser",
        description="Read a 4D-STEM scan once and say what is found: units, frames, faulty pixels, "
        "gain, saturation, direct beam, descan, rotation, jitter, dose, and the error to be "
        "expected of the angle.",
    )
    add_input(check)
    check.add_argument(
        "--semi-angle", metavar="MRAD", help="convergence semi-angle, if the file does not tell it"
    )
    check.add_argument(
        "--beam-energy", metavar="KV", help="beam energy [kV], if the file does not tell it"
    )
    _add_debug(check)
    check.set_defaults(run=_check)


def _add_page_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--explore",
        action="store_true",
        help="only look: map, pattern, virtual detector and COM, without the rrVAE",
    )
    parser.add_argument(
        "--port",
        type=int,
        help="port on this machine (default: 8866 or, if that is taken, a free one; "
        "0: any free one)",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address, open no browser"
    )
    _add_debug(parser)


def _add_fit(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    fit = commands.add_parser(
        "fit",
        help="train the rrVAE on a scan and save its maps, without a browser",
        description="Train the rrVAE on a 4D-STEM scan and save its maps, its model or both.",
        epilog=DETAILS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_input(fit)
    _add_file(fit, "--out", "maps_path", "MAPS", "where to write the maps (.zspy)")
    _add_file(fit, "--model", "model_path", "MODEL", "where to write the trained model (.rrvae)")
    add_model(fit)
    hint = "pixels to leave out, under a beam stop say: a .npy file [ky, kx] of bool"
    _add_file(fit, "--mask", "mask_path", "FILE", hint)
    hint = "a file to write every ten seconds, from which --resume goes on"
    _add_file(fit, "--checkpoint", "checkpoint", "FILE", hint)
    fit.add_argument(
        "--resume",
        action="store_true",
        help="go on from the --checkpoint, if it is there already, to the same result as without "
        "interruption; it tells kind, seed and the other options of the model",
    )
    fit.add_argument("--overwrite", action="store_true", help="replace files that exist")
    fit.add_argument(
        "--silence",
        type=float,
        default=60.0,
        metavar="MINUTES",
        help="how long one of several processes waits for another that neither answers nor ends "
        "(default: 60)",
    )
    _add_debug(fit)
    fit.set_defaults(run=_fit)


def _add_file(
    parser: argparse.ArgumentParser, option: str, dest: str, metavar: str, words: str
) -> None:
    parser.add_argument(option, dest=dest, metavar=metavar, type=Path, help=words)


def _add_debug(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--debug", action="store_true", help="show the Python traceback of an error"
    )


def _demo(arguments: argparse.Namespace) -> int:
    return _serve(arguments, "graphene (simulated)", path=None)


def _open(arguments: argparse.Namespace) -> int:
    path = arguments.file.expanduser().absolute()
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: check the name and the folder")
    title = path.name.encode(errors="replace").decode()  # file names need not be text
    return _serve(arguments, title, path=str(path), **load_options(arguments))


def _serve(arguments: argparse.Namespace, title: str, **page: object) -> int:
    from stemwidgets.cli.serve import serve

    return serve(
        {**page, "explore": arguments.explore, "folder": str(Path.cwd())},
        title,
        port=arguments.port,
        open_browser=not arguments.no_browser,
    )


def _check(arguments: argparse.Namespace) -> int:
    import stemwidgets as sw

    report = sw.check(
        arguments.file.expanduser(),
        arguments.semi_angle,
        arguments.beam_energy,
        progress=sys.stderr.isatty(),
        **load_options(arguments),
    )
    print(report)
    return 0


def _fit(arguments: argparse.Namespace) -> int:
    from stemwidgets.cli.fit import fit

    return fit(
        arguments.file.expanduser(),
        load_options=load_options(arguments),
        **{name: getattr(arguments, name) for name in (*_FILES, *OF_MODEL)},
    )
