"""Reasons to doubt that a disc is the direct beam, or lies where it seems to."""

import numpy as np

from stemwidgets.arrays.disc.sides import SURE_VISIBLE, Candidate

SURE_AGREEING = 0.7  # of the visible edge
SURE_ARC = 8.0  # px of edge, enough to determine centre and radius
SURE_CENTER = (0.3, 0.015)  # px, radii: largest standard error of a centre
SURE_ROUND = (0.75, 0.04)  # px, radii: largest deviation from an ellipse
HALO = 2.5  # times as bright in the middle
SMALL = 6.0  # px: the edge of a smaller disc is never sharp
SHARP = 0.3  # of the level that is lost across a sharp edge
FULL = 0.55  # of it, across the edge of an annular disc
FAINT = "its edge is too faint to tell where it is"
DARK = 0.5  # of the level along the edge, in a middle that a beam stop may hide


def doubt_of(disc: Candidate) -> str:
    """Reason not to use a disc without asking, in words; empty if there is none."""
    outline = disc.outline
    if outline.visible < SURE_VISIBLE:
        return "little of its edge is on the detector"
    if 2 * np.pi * outline.radius * outline.visible < SURE_ARC:
        return "few pixels of its edge are seen"
    if outline.agreeing < SURE_AGREEING:
        return f"its edge is seen for {100 * outline.agreeing:.0f} % only"
    if outline.error > max(SURE_CENTER[0], SURE_CENTER[1] * outline.radius):
        return FAINT
    if outline.rough > max(SURE_ROUND[0], SURE_ROUND[1] * outline.radius):
        return "its edge is not round"
    if disc.core > HALO * disc.inside:
        return "its middle is far brighter: it may be a halo of the direct beam"
    sharp = disc.step > SHARP * disc.inside
    if outline.radius > SMALL and not sharp:
        return "it has no sharp edge"
    if disc.core < DARK * disc.inside and disc.step < FULL * disc.inside:
        return "its middle is dark: a beam stop may hide the direct beam"
    return ""
