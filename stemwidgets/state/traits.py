"""Traits that stay silent when set to an equal value, arrays included."""

from typing import Any

import numpy as np
from traitlets import HasTraits, TraitType

from stemwidgets.arrays.errors import InputError


class Array(TraitType[Any, Any]):
    """A read-only array or None; setting an equal array notifies nobody."""

    default_value = None
    allow_none = True
    info_text = "an array"

    def validate(self, obj: HasTraits, value: Any) -> Any:
        """Freeze the array: what is observed must be replaced, not written into."""
        array = np.asarray(value)
        if array.flags.writeable:
            array = array.copy()
            array.flags.writeable = False
        return array

    def set(self, obj: HasTraits, value: Any) -> None:
        """Set and notify, unless nothing changes."""
        name = str(self.name)
        new = self._validate(obj, value)
        old = obj._trait_values.get(name, self.default_value)
        if same(old, new):
            return
        obj._trait_values[name] = new
        obj._notify_trait(name, old, new)


class Position(TraitType[Any, Any]):
    """A scan position ``(iy, ix)``, rounded to whole numbers and clamped to the owner's scan."""

    default_value = (0, 0)
    info_text = "a scan position (iy, ix)"

    def validate(self, obj: Any, value: Any) -> tuple[int, int]:
        """Round and clamp; raise InputError if it is no position."""
        try:
            iy, ix = (float(index) for index in value)
        except (TypeError, ValueError):
            raise InputError(f"a position is two numbers (iy, ix), not {value!r}") from None
        if not np.isfinite([iy, ix]).all():
            raise InputError(f"a position is two finite numbers (iy, ix), not {value!r}")
        rows, columns = obj.scan.shape[:2]
        return min(max(round(iy), 0), rows - 1), min(max(round(ix), 0), columns - 1)


def same(a: Any, b: Any) -> bool:
    """True if two arrays (or Nones) are equal, NaN being equal to NaN."""
    if a is None or b is None:
        return a is b
    return a is b or (a.shape == b.shape and np.array_equal(a, b, equal_nan=True))
