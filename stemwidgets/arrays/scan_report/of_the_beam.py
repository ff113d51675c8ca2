"""Findings on units, dose, the direct beam and the error to expect of the angle."""

import math

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.limit import low_passed
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.scan_report.between_lines import COUNTED, SHARED, measure_flicker
from stemwidgets.arrays.scan_report.findings import (
    NO_LIMIT,
    Finding,
    Picture,
    State,
    not_measurable,
    unknown,
)
from stemwidgets.arrays.scan_report.seen import Seen
from stemwidgets.arrays.words import number, sentence

ROUND = 1.02  # long over short axis: less moves no map that people look at
UNLIKE = 0.1  # of the semi-angle, by which the radius of the disc differs from it
NOISE = 1.0  # rad: an angle of such an error means nothing
STEADY = 1.0  # %: more is seen in an image of the dark field
TELLING = 3.0  # %: where more could not be seen, nothing is known
TYPICAL = 0.6745  # median of the error over its standard deviation
SHORTEST = 20  # per cent: where a centre of mass is among the shortest its direction means little
STANDS_OUT = 3.0  # standard errors by which the deflections exceed the noise

Map = NDArray[np.float64]


def units(seen: Seen) -> Finding:
    """Calibration of scan and detector, and the beam energy."""
    axes, energy = seen.axes, seen.beam_energy
    parts, missing = [], []
    y, x = abs(axes.scan_y.scale), abs(axes.scan_x.scale)
    if axes.scan_x.units == "px":
        missing.append("the length of a scan step")
    else:
        parts.append(f"scan steps of {_pair(y, x)} {axes.scan_x.units}")
    ky, kx = axes.pixel_size
    if axes.kx.units == "px":
        missing.append("the size of a detector pixel")
    else:
        parts.append(f"detector pixels of {_pair(ky, kx)} {axes.kx.units}")
    if energy is None:
        missing.append("the beam energy")
    else:
        parts.append(f"{energy:g} kV")
    words = ", ".join(parts)
    if missing:
        words = f"{words + '; ' if words else ''}not in the metadata: {', '.join(missing)}"
    doubts = [*seen.notes, *_unlike_semi_angle(seen)]
    words = " ".join([words + ".", *doubts])
    advice = "set axes and beam energy of the signal" if missing else ""
    if axes.kx.units == "px":
        advice = "calibrate with the semi-angle, and set what is missing in the metadata"
    state: State = "doubtful" if missing or doubts else "good"
    return Finding("units", sentence(words), state, energy, "kV", advice)


def direct_beam(seen: Seen) -> Finding:
    """Place and radius of the disc, and their certainty."""
    disc, name = seen.disc, "direct beam"
    pattern = seen.mean_pattern
    if disc is None:
        return Finding(name, "Not found: the mean pattern has no contrast.", "bad")
    outline = disc.outline(seen.axes.pixel_size) if disc.has_edge else None
    picture = Picture(pattern, "mean pattern", outline=outline)
    advice = "say where it is: press on its centre and drag to its edge"
    if not disc.has_edge:
        words = "No edge is seen all round: BF and ADF have no disc to go by."
        return Finding(name, words, "doubtful", None, "px", advice, picture)
    y, x = disc.center
    words = f"A disc about ({y:.1f}, {x:.1f}) px of radius {disc.radius:.1f} px{_radius(seen)}"
    if disc.doubt:
        words += f"; not sure: {disc.doubt}"
        return Finding(name, words + ".", "doubtful", disc.radius, "px", advice, picture)
    words += ", cut by the edge of the detector" if disc.cut else ", with a clear edge"
    state: State = "doubtful" if disc.cut else "good"
    return Finding(name, words + ".", state, disc.radius, "px", "", picture)


def ellipse(seen: Seen) -> Finding:
    """Roundness of the direct beam."""
    disc = seen.disc
    if disc is None or not disc.sure:
        return not_measurable("ellipse", "that takes a sure edge.")
    if seen.few:
        return not_measurable("ellipse", "too few patterns.")
    ratio, square = disc.ellipse.ratio, seen.axes.kx.units == "px"
    if ratio == 1:
        return Finding("ellipse", "The disc is round.", "good", 1.0)
    degrees = math.degrees(disc.ellipse.angle)
    words = f"The disc is an ellipse of {ratio:.3f}:1, long axis at {degrees:.0f}°."
    if ratio < ROUND:
        return Finding("ellipse", words, "good", ratio)
    reason = "pixels may not be square" if square else "projector lenses, or the pixel sizes"
    return Finding("ellipse", words, "doubtful", ratio, "", f"likely: {reason}; calibrate")


def dose(seen: Seen) -> Finding:
    """Electrons in a pattern and on an area of the specimen."""
    counting, sums = seen.counting, seen.overview.sum_image
    counts = float(np.nanmean(sums)) * seen.made_whole
    if not counting.known:
        words = f"{number(counts, 3)} counts a pattern; in electrons not measurable: "
        return unknown("dose", f"{words}{counting.doubt}.", "e/pattern")
    electrons = counts / counting.unit
    full = seen.left_out.saturated is not None
    words = f"{'More than ' if full else ''}{number(electrons)} electrons a pattern"
    axes = seen.axes
    if axes.scan_x.units == axes.scan_y.units == "Å":
        area = abs(axes.scan_y.scale * axes.scan_x.scale)
        words += f", {number(electrons / area)} e/Å²"
    words += " on the detector"
    if counting.unit != 1:
        words += f"; one electron counts {number(counting.unit)}"
    return Finding("dose", words + ".", "good", electrons, "e/pattern")


def beam_current(seen: Seen) -> Finding:
    """Flicker of the counts of whole patterns, beyond the noise of counting."""
    name, counting = "beam current", seen.counting
    if not counting.known and not counting.smooth:
        return not_measurable(name, "that takes the dose.", "%")
    if seen.counts_faulty and seen.hidden.any():
        return not_measurable(name, "faulty pixels are counted.", "%")
    if seen.limit is None:
        return not_measurable(name, NO_LIMIT, "%")
    found = None
    if seen.oversampled:
        doubt = COUNTED if counting.unit == 1 or counting.smooth else SHARED
        found = measure_flicker(seen.overview.sum_image, seen.limit[0], counting.spread, doubt)
    if found is None:
        reason = "it takes more lines, or finer steps, to tell it from the specimen."
        return not_measurable(name, reason, "%")
    percent, most = 100 * found.rms, 100 * found.error
    if found.stands_out and percent > STEADY:
        words = (
            f"The counts of a pattern scatter by {number(percent)} ± {number(most, 1)} % rms "
            "beyond the noise of counting: the beam current flickers, or the dwell time."
        )
        action = "COM and angle do not depend on it; bright and dark field do"
        return Finding(name, words, "doubtful", percent, "%", action)
    most = percent if found.stands_out else most
    if most > TELLING:
        reason = f"the dose tells no flicker below {number(most, 1)} % rms."
        return not_measurable(name, reason, "%")
    words = f"Steady: counts of a pattern scatter by less than {number(max(most, 0.05), 1)} % rms."
    return Finding(name, words, "good", percent, "%")


def angle(seen: Seen) -> Finding:
    """Error of the direction of one pattern's centre of mass."""
    name = "angle"
    if seen.left_out.saturated is not None:
        return unknown(name, "Not foretold: the disc is saturated.", "°")
    if not seen.counting.known:
        return unknown(name, "Not foretold: that takes the dose.", "°")
    if seen.small:
        return unknown(name, "Not foretold: too few positions.", "°")
    std, noise, deflection = _expected_angle(
        seen.com, seen.electrons, seen.variance, seen.limit if seen.oversampled else None
    )
    if not math.isfinite(std) or std > NOISE:
        words = (
            "Not measurable at this dose for a single pattern: the COM is off by "
            f"{number(noise)} px, the specimen deflects by "
            + (f"{number(deflection)} px." if math.isfinite(std) else "less.")
        )
        return unknown(name, words, "°", "more dose, or use neighbours")
    degrees = math.degrees(std)
    words = (
        f"About {degrees:.2g}° for one pattern's angle by its COM; half of them are off by less "
        f"than {TYPICAL * degrees:.2g}°. (The COM is off by {number(noise)} px, the specimen "
        f"deflects by {number(deflection)} px.)"
    )
    return Finding(name, words, "good", degrees, "°", "four times the dose halves it")


def _pair(y: float, x: float) -> str:
    """Height and width, once if they are alike."""
    return number(x, 3) if number(y, 3) == number(x, 3) else f"{number(y, 3)} × {number(x, 3)}"


def _radius(seen: Seen) -> str:
    mrad = _in_mrad(seen)
    return "" if mrad is None else f" ({number(mrad, 3)} mrad)"


def _in_mrad(seen: Seen) -> float | None:
    disc, axes = seen.disc, seen.axes
    if disc is None or not disc.sure:
        return None
    radius = disc.radius * axes.pixel_size[1]
    if axes.kx.units == "mrad":
        return radius
    if axes.kx.units == "1/Å" and seen.beam_energy is not None:
        return 1e3 * radius * wavelength(seen.beam_energy)
    return None


def _unlike_semi_angle(seen: Seen) -> list[str]:
    mrad, semi_angle = _in_mrad(seen), seen.semi_angle
    if mrad is None or semi_angle is None or seen.few or abs(mrad / semi_angle - 1) < UNLIKE:
        return []
    return [
        f"By these axes the disc has {number(mrad, 3)} mrad, by the metadata "
        f"{number(semi_angle, 3)} mrad: one of them is wrong."
    ]


def _expected_angle(
    com: Map, electrons: Map, variance: float, limit: tuple[float, float] | None
) -> tuple[float, float, float]:
    """Error to be expected of the direction of the centre of mass ``[iy, ix, 2]``, less descan.

    Each of N electrons of a pattern has the variance ⟨k²⟩/2 along each axis: the centre of mass has
    the error √(⟨k²⟩/2N), and its direction that over its length. The limit is the highest frequency
    of the scan, in cycles per step, where it is known. Returns the median standard deviation of the
    direction [rad], over the patterns but those with the shortest centre of mass, infinite where
    the deflections do not exceed the noise; the error of the centre of mass along one axis; and the
    root mean square of the deflections along one without it, both in the units of `com`.
    """
    seen = np.isfinite(com).all(axis=-1) & (electrons > 0)
    if not seen.any():
        return math.inf, math.nan, math.nan
    noise = np.sqrt(variance / np.where(seen, electrons, 1.0))
    typical = float(np.sqrt((noise[seen] ** 2).mean()))
    centred = com - com[seen].mean(axis=0)
    share = 1.0
    if limit is not None and seen.all():
        centred, share = low_passed(centred, limit)
    squares = (centred[seen] ** 2).sum(axis=-1)
    power = float(squares.mean()) - 2 * share * typical**2
    error = 2 * share * typical**2 / math.sqrt(max(share * len(squares), 1.0))
    if not power > STANDS_OUT * error or not squares.any():
        return math.inf, typical, math.sqrt(max(power, 0.0) / 2)
    length = np.sqrt(squares * power / squares.mean())
    long = length > np.percentile(length, SHORTEST)
    std = float(np.median(noise[seen][long] / length[long])) if long.any() else math.inf
    return std, typical, math.sqrt(power / 2)
