"""What is faulty on the detector of a session's scan, and whether it is left out."""

from typing import Any

from traitlets import Bool, HasTraits, Instance

from stemwidgets.arrays.faults.clean import CleanScan, clean_scan
from stemwidgets.arrays.faults.left_out import LeftOut


class Cleaning(HasTraits):
    """The part of a session that knows which pixels and single events are left out.

    Attributes
    ----------
    left_out : LeftOut or None
        What is faulty, as it was found; None until the scan has been looked at.
    leave_out : bool
        Whether it is left out of everything that is computed, or counts like the rest.
    """

    left_out = Instance(LeftOut, allow_none=True)
    leave_out = Bool(True)

    data: Any
    _clean: CleanScan | None = None

    def cleaned(self) -> CleanScan:
        """The scan that everything is computed from; in the background, as it may be read."""
        if not self.leave_out:
            return clean_scan(self.data, None)
        if self._clean is None:
            self._clean = clean_scan(self.data)
        return self._clean

    def faults(self) -> LeftOut | None:
        """What a model is to leave out; None for nothing."""
        return self.cleaned().left_out if self.leave_out else None

    @property
    def left_out_words(self) -> str:
        """What is left out or counts although it is faulty, and what is saturated."""
        if self.left_out is None:
            return ""
        words = self.left_out.left_out_words
        if words and not self.leave_out:
            words = words.replace("left out", "faulty, and counted")
        return " ".join(part for part in (words, self.left_out.saturation_words) if part)
