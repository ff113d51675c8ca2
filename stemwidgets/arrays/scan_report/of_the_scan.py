"""Findings on the scan: frames, descan, rotation, jitter of the lines."""

import math

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.limit import middle
from stemwidgets.arrays.calibration.measure import rotation_of
from stemwidgets.arrays.calibration.scan_rotation import SMALLEST_SCAN
from stemwidgets.arrays.centring.find import can_tell_descan, matters
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_report.between_lines import (
    FEWEST_LINES,
    FEWEST_POSITIONS,
    Scatter,
    measure_jitter,
)
from stemwidgets.arrays.scan_report.findings import (
    NO_LIMIT,
    Finding,
    Picture,
    State,
    not_measurable,
    unknown,
)
from stemwidgets.arrays.scan_report.lattice import measure_lattice
from stemwidgets.arrays.scan_report.seen import Seen
from stemwidgets.arrays.words import counted, number, percent

EMPTY = 0.01  # of the usual counts: a pattern with less holds no beam
SPARSE = 20.0  # electrons in a pattern: of more none is empty by chance
EDGES = 8  # columns or rows at least, for one at the edge to be odd
ODD = 3.0  # times the largest difference of neighbouring columns
MOST = 96  # positions down and along, in the middle of the scan, for the rotation
SURE = 0.99  # of a rotation, to say that the detector is turned
TURNED = math.radians(2.0)  # rad: less turns no arrow that people look at
CERTAIN = 4.0  # standard errors
SMALL = 0.05  # scan steps: lines may be shifted so far without a word
SHEARED = 0.005  # longest over shortest, less 1: people do not see less
TELLING = 0.05  # where more could not be seen, nothing is known
FINE = 0.3  # scan steps: where more could not be seen, nothing is known
FEW_COM = "too few patterns have a COM."
FEW_POSITIONS = f"the scan has fewer than {SMALLEST_SCAN} × {SMALLEST_SCAN} positions."

Map = NDArray[np.float64]


def frames(seen: Seen) -> Finding:
    """Number and size of the patterns, empty ones, and flyback."""
    sums = seen.overview.sum_image
    rows, columns = sums.shape
    height, width = seen.hidden.shape
    words = (
        f"{rows} × {columns} = {counted(rows * columns, 'pattern')} of {height} × {width} pixels"
    )
    positive = sums[sums > 0]
    usual = float(np.median(positive)) if positive.size else 0.0
    empty: NDArray[np.bool_] = np.asarray(sums <= EMPTY * usual)
    picture = Picture(sums, "sum of counts", "map")
    if not positive.size:
        return Finding("frames", f"{words}, all of them empty.", "bad", 0.0, "", "", picture)
    sparse = usual < SPARSE * (seen.counting.unit if seen.counting.known else 1.0)
    if empty.any() and sparse:
        words += f"; {int(empty.sum())} of them without an electron, by chance at so low a dose."
        return Finding("frames", words, "unknown", float(empty.sum()), "empty", "", picture)
    if empty.any():
        count = int(empty.sum())
        held = np.flatnonzero(np.asarray((~empty).any(axis=1)))
        whole = rows - 1 - int(held[-1])
        where = tuple(int(i) for i in np.argwhere(empty)[0])
        words += f"; {counted(count, 'empty one')}, the first at {where}"
        if whole:
            words += f"; the last {counted(whole, 'row')} of the scan: it was broken off"
        action = "empty patterns have no COM and no angle, and are drawn grey"
        return Finding("frames", words + ".", "doubtful", float(count), "empty", action, picture)
    odd = _odd_edges(seen)
    if odd:
        action = "load the file with flyback=…, or crop the scan"
        words += f"; the {odd} differs from all others: flyback?"
        return Finding("frames", words, "doubtful", 0.0, "empty", action, picture)
    return Finding("frames", words + "; none is empty, no flyback.", "good", 0.0, "empty")


def descan(seen: Seen) -> Finding:
    """Wandering of the beam over the detector, beside the deflections by the specimen."""
    found, name = seen.descan, "descan"
    if found is None:
        return not_measurable(name, FEW_COM)
    if seen.small:
        return not_measurable(name, FEW_POSITIONS, "px rms")
    com = seen.overview.com
    rest = float(np.sqrt(np.nanmean(seen.com**2)))
    if not matters(found, com):
        most = max(found.size, found.error)
        words = f"None that stands out: less than {number(most)} px rms, the COM {number(rest)} px."
        return Finding(name, words, "good", found.size, "px rms")
    y, x = found.extent
    words = (
        f"The beam wanders by {number(y)} px along ky and {number(x)} px along kx over the scan"
        f"{found.jumps} ({number(found.size)} px rms, the COM by the specimen {number(rest)} px): "
        "descan, a wedge or a uniform field."
    )
    shown = np.hypot(*np.moveaxis(found.departure, -1, 0))
    picture = Picture(shown, "how far, over the scan", "map")
    action = (
        "the rrVAE reads every pattern about its own centre, and pages show the COM without it; "
        "descan=None leaves it in, and sw.measure_descan tells it for sure, in vacuum"
        if can_tell_descan(com)
        else "with so few positions it is left in; sw.measure_descan tells it, in vacuum"
    )
    if seen.leaves_descan:
        action = "left in, as was chosen: COM and angle hold it"
    return Finding(name, words, "doubtful", found.size, "px rms", action, picture)


def scan_rotation(seen: Seen) -> Finding:
    """Rotation of the detector against the scan, and its certainty."""
    name, axes, overview = "scan rotation", seen.axes, seen.overview
    if seen.descan is None:
        return not_measurable(name, FEW_COM, "°")
    if seen.small:
        return not_measurable(name, FEW_POSITIONS, "°")
    part = tuple(middle(size, MOST) for size in overview.sum_image.shape)
    deflections = (overview.com - seen.descan.positions)[part] * axes.pixel_steps
    dark = None if overview.dark_field is None else overview.dark_field[part]
    try:
        found = rotation_of(deflections, dark, overview.sum_image[part], axes, axes.pixel_steps)
    except InputError:
        return not_measurable(name, "nothing deflects the beam.", "°")
    degrees, std = math.degrees(found.angle), math.degrees(found.std)
    value = f"{degrees:.1f}° ± {number(std, 1)}°".replace("-", "−")
    if not found.resolved or found.confidence < SURE:
        words = (
            f"Not measurable at this dose and size of the scan: {value} has a probability of "
            f"{100 * found.confidence:.0f} %."
        )
        return unknown(name, words, "°", "pass it where it is known")
    turned = abs(found.angle) > max(TURNED, CERTAIN * found.std)
    mirrored = found.handedness < 0
    sure = f", sure to {percent(found.confidence)}."
    if not (turned or mirrored):
        return Finding(name, f"None: {value}{sure}", "good", degrees, "°")
    words = f"Patterns are turned by {value} against the scan{' and mirrored' * mirrored}{sure}"
    action = "calibrate to bring arrows into the frame of the scan; angles against each other stay"
    return Finding(name, words, "doubtful", degrees, "°", action)


def line_jitter(seen: Seen) -> Finding:
    """Shifts of lines against their neighbours."""
    name, axes, units = "line jitter", seen.axes, seen.axes.scan_x.units
    rows, columns = seen.com.shape[:2]
    if rows < FEWEST_LINES or columns < FEWEST_POSITIONS:
        reason = f"it takes {FEWEST_LINES} lines of {FEWEST_POSITIONS} positions."
        return not_measurable(name, reason, units)
    if seen.limit is None:
        return not_measurable(name, NO_LIMIT, units)
    if not seen.oversampled:
        reason = "the scan steps are too coarse to tell it from the specimen."
        return not_measurable(name, reason, units)
    found = measure_jitter(_maps(seen), seen.limit)
    if found is None:
        return not_measurable(name, "it takes more lines, and a COM everywhere.", units)
    steps = (abs(axes.scan_y.scale), abs(axes.scan_x.scale))
    shifted = [(each.rms, step) for each, step in zip(found, steps, strict=True) if each.stands_out]
    length = [_length(each, step) for each, step in zip(found, steps, strict=True)]
    if shifted:
        words = f"Lines are shifted by {length[1]} Å rms along x, {length[0]} Å along y."
        state: State = "doubtful" if max(shifted)[0] > SMALL else "good"
        value = max(rms * step for rms, step in shifted)
        action = "nothing is corrected" if state == "doubtful" else ""
        return Finding(name, words, state, value, "Å rms", action)
    most = max(each.error for each in found)
    words = f"along x {length[1]} Å rms, along y {length[0]} Å"
    if most > FINE:
        return not_measurable(name, f"the dose tells no more than {words}.", "Å rms")
    return Finding(name, f"None that stands out: {words}.", "good", 0.0, "Å rms")


def drift(seen: Seen) -> Finding:
    """Shear of a lattice that should be regular."""
    name, axes = "drift", seen.axes
    maps = _maps(seen)
    if not np.isfinite(maps).all():
        return not_measurable(name, "some patterns have no COM.", "%")
    step = (abs(axes.scan_y.scale), abs(axes.scan_x.scale))
    found = measure_lattice(maps, step)
    advice = "compare two scans of the same place"
    if found is None:
        words = (
            "Not measurable from one scan: that takes a lattice of known shape, a regular hexagon "
            "or a square, over three periods."
        )
        return unknown(name, words, "%", advice)
    longer, error = 100 * found.distortion, 100 * found.error
    if found.stands_out and found.distortion > SHEARED:
        words = (
            f"The lattice is {number(longer)} ± {number(error, 1)} % longer one way than across, "
            f"for a {found.name}: drift, or scan coils out of square."
        )
        action = "nothing is corrected; distances and directions in the maps are off by as much"
        return Finding(name, words, "doubtful", longer, "%", action)
    most = longer + 2 * error
    if most > 100 * TELLING:
        words = f"Not measurable below {number(most)} %: the scan has too few periods or electrons."
        return unknown(name, words, "%", advice)
    words = f"None that stands out: the lattice is a {found.name} to {number(most, 1)} %."
    return Finding(name, words, "good", longer, "%")


def _maps(seen: Seen) -> Map:
    """Centre of mass and bright field, ``[iy, ix, n]``."""
    maps, bright = [seen.com], seen.overview.bright_field
    if bright is not None and bright.std() > 0:
        maps.append((bright / bright.mean())[..., None])
    return np.concatenate(maps, axis=-1)


def _odd_edges(seen: Seen) -> str:
    """Columns or rows at the edges of the scan that differ from all others; empty if none does."""
    maps = np.concatenate([seen.com, seen.overview.sum_image[..., None]], axis=-1)
    for axis, name in ((1, "column"), (0, "row")):
        if maps.shape[axis] < EDGES or maps.shape[1 - axis] < EDGES or np.isnan(maps).any():
            continue
        steps = np.diff(maps, axis=axis) ** 2
        change = (
            np.sqrt(np.moveaxis(steps, axis, 0).mean(axis=1))
            if axis
            else np.sqrt(steps.mean(axis=1))
        )
        inner = change[1:-1].max(axis=0)
        for index, where in ((0, "first"), (-1, "last")):
            if (change[index] > ODD * inner).any() and (inner > 0).all():
                return f"{where} {name}"
    return ""


def _length(jitter: Scatter, step: float) -> str:
    if jitter.stands_out:
        return f"{number(jitter.rms * step)} ± {number(jitter.error * step, 1)}"
    return f"less than {number(jitter.error * step)}"
