"""Findings on the camera: faulty pixels, single events, gain, saturation."""

import math

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.scan_report.findings import (
    Finding,
    Picture,
    State,
    not_measurable,
    unknown,
)
from stemwidgets.arrays.scan_report.flat_field import EDGE, measure_gain
from stemwidgets.arrays.scan_report.seen import Seen
from stemwidgets.arrays.words import counted, listed, number, sentence

FLICKER = 10.0  # times the noise of counting: such a pixel is hot now and then
NAMED = 3  # pixels, patterns or lines of which the places are named
UNEVEN = 0.01  # rms of the gain: less is lost in the noise of any pattern
MOST = 0.01  # of the pixels: a detector with more faulty ones wants service
DEAD = 0.05  # of what is around: what counts no more is dead
MISSED = 30.0  # electrons that a pixel would have counted: none by chance once in 10¹³
LONG = 0.2  # of a line has to miss so many, to be called dead whole


def faulty_pixels(seen: Seen) -> Finding:
    """Hot, flickering and dead pixels, rows and columns."""
    left_out, name = seen.left_out, "faulty pixels"
    rows, columns = _dead_in_the_dark(seen)
    height, width = seen.hidden.shape
    count = int(left_out.mask.sum()) + len(rows) * width + len(columns) * height
    if not count:
        return Finding(name, "None: no hot, flickering or dead pixel, row or column.", "good", 0.0)
    parts = [*_lines_by_kind(seen, "row", 0), *_lines_by_kind(seen, "column", 1)]
    parts += _kinds(seen, left_out.pixels)
    words = listed(parts) + "." if parts else ""
    if rows or columns:
        dark = listed([*_lines("row", rows), *_lines("column", columns)])
        words += f" Dead outside the disc: {dark}; no COM misses what is not lit."
    words = words.strip()
    marks = _marks(
        (height, width), left_out.rows + rows, left_out.columns + columns, left_out.pixels
    )
    picture = Picture(seen.mean_pattern, "mean pattern, repaired", marks=marks)
    action = "left out of all that is computed" if parts else ""
    if seen.counts_faulty and parts:
        action = "counted like the others, as was chosen"
    many = len(left_out.pixels) > MOST * left_out.mask.size
    state: State = "bad" if (seen.counts_faulty and parts) or many else "doubtful"
    return Finding(name, sentence(words), state, float(count), "pixels", action, picture)


def single_events(seen: Seen) -> Finding:
    """Pixels that were hit in one pattern, by a cosmic ray for example."""
    events, name = seen.left_out.events, "single events"
    if seen.left_out.limits is None:
        return unknown(name, "Not looked for: too few patterns to tell.")
    if seen.counts_faulty:
        return unknown(name, "Not looked for, as faulty pixels are counted.")
    if not len(events):
        return Finding(name, "None: no cosmic rays or X-rays.", "good", 0.0)
    places = [f"({y}, {x}) in pattern ({iy}, {ix})" for iy, ix, y, x in events[:NAMED].tolist()]
    more = f" and {len(events) - NAMED} more" if len(events) > NAMED else ""
    one = len(events) == 1
    words = f"{counted(len(events), 'pixel')} hit once by a cosmic ray or X-ray: " + (
        f"{listed(places)}{more}." if not more else f"{', '.join(places)}{more}."
    )
    picture = Picture(seen.mean_pattern, "where they hit", marks=events[:, 2:])
    action = f"{'it holds' if one else 'they hold'} what neighbouring pixels hold"
    return Finding(name, words, "doubtful", float(len(events)), "events", action, picture)


def gain(seen: Seen) -> Finding:
    """Unevenness of the pixels' gain, and its importance."""
    name, disc, counting = "gain", seen.disc, seen.counting
    if disc is None or not disc.sure or seen.left_out.saturated is not None:
        why = "a disc that is not saturated" if disc is not None and disc.sure else "a sure disc"
        return not_measurable(name, f"that takes {why}.", "%")
    unit = counting.unit if counting.known else 0.0
    if not counting.known and not counting.smooth:
        return not_measurable(name, "that takes the dose.", "%")
    mean = seen.mean_pattern
    patterns = float((seen.overview.sum_image > 0).sum())
    electrons = np.clip(mean, 0.0, None) * patterns / unit if unit else np.full(mean.shape, np.inf)
    found = measure_gain(mean, seen.around, seen.hidden, seen.depth, electrons)
    if not math.isfinite(found.rms):
        return not_measurable(name, "the disc has too few pixels.", "%")
    percent = 100 * found.rms
    if found.stands_out and found.rms >= UNEVEN:
        words = f"Pixels differ by {number(percent)} ± {number(100 * found.error, 1)} % rms"
        words += _beside_noise(seen, found.rms)
        picture = Picture(_relative(seen), "gain in the disc", "signed")
        advice = "nothing is corrected; divide by a flat field of the camera"
        return Finding(name, words, "doubtful", percent, "%", advice, picture)
    most = percent if found.stands_out else 100 * found.error
    if most > 100 * UNEVEN:
        words = f"Not measurable at this dose below {number(most)} % rms; nothing stands out."
        return unknown(name, words, "%")
    words = f"Even: pixels differ by less than {number(max(most, 0.05), 1)} % rms."
    return Finding(name, words, "good", percent, "%")


def saturation(seen: Seen) -> Finding:
    """Areas of the patterns that are saturated."""
    level, name = seen.left_out.saturated, "saturation"
    if level is None:
        return Finding(name, "None.", "good", 0.0)
    full = seen.mean_pattern >= 0.99 * level
    picture = Picture(full, "where it is full", "map")
    words = f"The disc is full at {level:g} counts: COM and angle are biased."
    advice = "record it again with less dose or a shorter dwell time"
    return Finding(name, words, "bad", level, "counts", advice, picture)


def _kinds(seen: Seen, pixels: NDArray[np.intp]) -> list[str]:
    """Single pixels by their fault, and the places of the first ones."""
    if not len(pixels):
        return []
    own = seen.overview.mean_pattern[tuple(pixels.T)]
    around = seen.around[tuple(pixels.T)]
    values = seen.runs[:, :, pixels[:, 0], pixels[:, 1]].reshape(-1, len(pixels)).astype(float)
    with np.errstate(invalid="ignore"):
        unit = seen.counting.unit if seen.counting.known else 1.0
        flickers = values.var(axis=0) > FLICKER * unit * np.maximum(values.mean(axis=0), 1.0)
        hot = np.isfinite(own) & (own > around)
    kinds = {
        "hot pixel": hot & ~flickers,
        "flickering pixel": hot & flickers,
        "dead or weak pixel": ~hot,
    }
    parts = []
    for kind, which in kinds.items():
        if which.any():
            places = [f"({y}, {x})" for y, x in pixels[which][:NAMED].tolist()]
            more = ", …" if which.sum() > NAMED else ""
            parts.append(f"{counted(int(which.sum()), kind)} at {', '.join(places)}{more}")
    return parts


def _lines_by_kind(seen: Seen, line: str, axis: int) -> list[str]:
    """Rows or columns that are left out: dead, bright or weak ones."""
    numbers = seen.left_out.rows if axis == 0 else seen.left_out.columns
    own = np.nan_to_num(seen.overview.mean_pattern).sum(axis=1 - axis)
    level = np.maximum(seen.mean_pattern.sum(axis=1 - axis), 1e-30)
    kinds: dict[str, list[int]] = {}
    for place in numbers:
        share = own[place] / level[place]
        kind = "dead" if share < DEAD else "bright" if share > 1 else "weak"
        kinds.setdefault(kind, []).append(place)
    return [
        f"{kind} {words}" for kind, some in kinds.items() for words in _lines(line, tuple(some))
    ]


def _lines(line: str, numbers: tuple[int, ...]) -> list[str]:
    """Words such as "rows 3 and 4"; none for no rows."""
    if not numbers:
        return []
    if len(numbers) > NAMED:
        return [f"{len(numbers)} {line}s from {min(numbers)} to {max(numbers)}"]
    return [f"{line}{'s' if len(numbers) > 1 else ''} {listed([str(each) for each in numbers])}"]


def _dead_in_the_dark(seen: Seen) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Rows and columns that never count where others do, too faintly to be left out."""
    mean = seen.overview.mean_pattern
    if not seen.counting.known:
        return (), ()
    patterns = float((seen.overview.sum_image > 0).sum())
    around = seen.around
    missed = around * patterns / seen.counting.unit > MISSED
    silent = (mean == 0) & ~seen.hidden
    rows, columns = (
        tuple(np.flatnonzero(silent.all(axis=axis) & (missed.mean(axis=axis) > LONG)).tolist())
        for axis in (1, 0)
    )
    return rows, columns


def _marks(
    shape: tuple[int, ...],
    rows: tuple[int, ...],
    columns: tuple[int, ...],
    pixels: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Single pixels, and one mark at either end of a line."""
    ends = [(y, x) for y in rows for x in (0, shape[1] - 1)]
    ends += [(y, x) for x in columns for y in (0, shape[0] - 1)]
    return np.concatenate([np.reshape(ends, (-1, 2)), pixels]).astype(float)


def _relative(seen: Seen) -> NDArray[np.float64]:
    """The mean pattern over its neighbourhood, less 1, in the disc."""
    mean, level = seen.mean_pattern, seen.around
    used = (seen.depth > EDGE) & (level > 0)
    return np.where(used, mean / np.where(used, level, 1.0) - 1, 0.0)


def _beside_noise(seen: Seen, rms: float) -> str:
    """The gain beside the noise of one pattern's pixels."""
    inside = seen.depth > 0
    if not seen.counting.known or not inside.any():
        return "."
    electrons = float(np.median(seen.mean_pattern[inside])) / seen.counting.unit
    if not electrons > 0:
        return "."
    noise = 1 / math.sqrt(electrons)
    matters = "matters" if rms > noise else "matters little"
    return (
        f", the noise of one pattern is {number(100 * noise)} %: it {matters} for single patterns."
    )
