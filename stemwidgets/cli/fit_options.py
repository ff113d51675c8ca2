"""Help of ``stemwidgets fit``, and the options of the model."""

import argparse
from typing import Any

DETAILS = """\
FILE is any 4D-STEM format that HyperSpy reads (.mib, .blo, .hspy, .zspy, .dm4, .emd ...), a
Nion Swift .ndata1 or a NumPy .npy. The maps (angle, latent variables, confidence, residual) are
written with the scan's own calibration and open in HyperSpy and in stemwidgets.

A large scan is divided by several processes, each of which reads a part of it and trains on that,
on this machine

  torchrun --nproc-per-node=2 -m stemwidgets.cli fit scan.zspy --out maps.zspy

or on several, with one GPU for each process (torchrun --help). The first one writes and prints.

exit code: 0 done, 2 something is wrong with the input (one line on stderr says what),
130 interrupted with Ctrl-C (nothing is written but the checkpoint)
"""


OF_MODEL = (
    *("kind", "centered", "epochs", "latent_dim", "classes", "convention", "seed", "device"),
    *("band_limit", "periodic"),
)


def add_model(fit: argparse.ArgumentParser) -> None:
    """Add options for kind, size, length and device of the model."""
    number: dict[str, Any] = {"type": int, "metavar": "N"}
    fit.add_argument(
        "--kind",
        choices=["harmonic", "paper", "vae"],
        default="harmonic",
        help="kind of model: the harmonic rrVAE (default), the network of Oxley et al., or a VAE "
        "without rotation",
    )
    fit.add_argument(
        "--centered",
        action="store_true",
        help="take the mean pattern away first, for --kind paper and vae: they learn little "
        "without it",
    )
    fit.add_argument(
        "--epochs",
        **number,
        help="passes over the data, for --kind paper and vae (default: from the data)",
    )
    fit.add_argument(
        "--latent-dim",
        **number,
        default=2,
        help="number of rotation-invariant latent variables (default: 2)",
    )
    fit.add_argument(
        "--classes",
        **number,
        default=1,
        help="number of kinds of patterns, for --kind harmonic (default: 1)",
    )
    fit.add_argument(
        "--convention",
        choices=["com", "alike"],
        default="com",
        help="what angle 0 means, for --kind harmonic: the centre of mass lies along +kx "
        "(default), or patterns are turned until they are most alike",
    )
    _add_neighbours(fit)
    fit.add_argument(
        "--seed",
        **number,
        default=0,
        help="random seed; the same seed gives the same maps (default: 0)",
    )
    fit.add_argument(
        "--device", default="auto", help='"auto" (default), "cpu", "cuda", "mps"', metavar="NAME"
    )


def _add_neighbours(fit: argparse.ArgumentParser) -> None:
    fit.add_argument(
        "--band-limit",
        type=_band_limit,
        default="auto",
        metavar="LIMIT",
        help="highest scan frequency [1/Å], below which --kind harmonic reads each pattern with "
        "its neighbours: auto (default) is that of the probe, where the scan keeps to it; none "
        "reads each pattern by itself",
    )
    fit.add_argument(
        "--periodic",
        action="store_true",
        help="the scan goes on at its other edge, as a simulation of whole unit cells does",
    )


def _band_limit(text: str) -> str | float | None:
    if text in ("auto", "none"):
        return None if text == "none" else text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected auto, none or a frequency in 1/Å, got {text!r}"
        ) from None
