"""Faults on the detector of a session's scan, and the choice to leave them out."""

from typing import Any

from traitlets import Bool, HasTraits, Instance

from stemwidgets.arrays.faults.clean import CleanScan, clean_scan
from stemwidgets.arrays.faults.left_out import LeftOut


class Cleaning(HasTraits):
    """Part of a session with the pixels and single events that are left out.

    Attributes
    ----------
    left_out : LeftOut or None
        Faults that were found; None until the scan has been looked at.
    leave_out : bool
        True to leave them out of everything that is computed; else they count like the rest.
    """

    left_out = Instance(LeftOut, allow_none=True)
    leave_out = Bool(True)

    data: Any
    _clean: CleanScan | None = None

    def cleaned(self) -> CleanScan:
        """Scan for all computations; in the background, as it may be read."""
        if not self.leave_out:
            return clean_scan(self.data, None)
        if self._clean is None:
            self._clean = clean_scan(self.data)
        return self._clean

    def faults(self) -> LeftOut | None:
        """Faults that a model is to leave out; None for nothing."""
        return self.cleaned().left_out if self.leave_out else None

    @property
    def left_out_words(self) -> str:
        """Sentences on what is left out or counts although it is faulty, and what is saturated."""
        if self.left_out is None:
            return ""
        words = self.left_out.left_out_words
        if words and not self.leave_out:
            words = words.replace("left out", "faulty, and counted")
        return " ".join(part for part in (words, self.left_out.saturation_words) if part)
