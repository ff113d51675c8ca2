"""Maps that the user adds to a page and removes."""

from collections.abc import Mapping
from typing import Any

import ipywidgets

from stemwidgets.state.session import ScanSession
from stemwidgets.views.map_view import MapView
from stemwidgets.views.parts.controls import button
from stemwidgets.views.parts.presenting import enlarge

FIRST = ("COM x", "COM y", "COM divergence", "COM curl", "BF", "ADF", "sum")


class AddedMaps(ipywidgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """Any number of maps, with a button that adds one and below each map one that removes it.

    Parameters
    ----------
    session : Session
        Session whose channels they show.
    size : int
        Longer side of a map on screen [CSS px].

    Attributes
    ----------
    maps : tuple of MapView
        Maps that have been added.
    choices : dict
        Their channels and displays, as plain JSON; may be set.
    parts : dict of str to widget
        The button that adds a map.
    presented : bool
        True if maps are to be large.
    """

    presented = False

    def __init__(self, session: ScanSession, size: int) -> None:
        super().__init__(layout=ipywidgets.Layout(display="contents"))  # in line with the views
        self.session, self._size = session, size
        self.maps: tuple[MapView, ...] = ()
        add = button("Add map", 120, tooltip="another map of this scan")
        add.on_click(lambda _: session.mailbox.post("add map", self._add))
        self.parts = {"add": add}
        self.children: tuple[ipywidgets.Widget, ...] = (add,)

    def _add(self) -> None:
        self.add()

    def add(self, channel: str = "") -> MapView:
        """Add a map of a channel; of one that was not added yet, if none is given."""
        there = {added.channel for added in self.maps}
        known = [name for name in FIRST if name in self.session.channels]
        fresh = [name for name in (*known, *self.session.channels) if name not in there]
        added = MapView(self.session, channel or next(iter(fresh), "sum"), self._size)
        remove = button("Remove map", 120)
        box = ipywidgets.VBox([added, remove])
        remove.on_click(
            lambda _: self.session.mailbox.post(f"remove {id(added)}", lambda: self.remove(added))
        )
        if self.presented:
            enlarge(box)
        self.maps = (*self.maps, added)
        self.children = (*self.children[:-1], box, self.children[-1])
        return added

    @property
    def choices(self) -> dict[str, Any]:
        """Channels and displays of the maps, as plain JSON; setting it replaces them."""
        return {"maps": [added.choices for added in self.maps]}

    @choices.setter
    def choices(self, choices: Mapping[str, Any]) -> None:
        for added in self.maps:
            self.remove(added)
        for chosen in choices["maps"]:
            self.add(chosen["channel"]).choices = chosen

    def remove(self, added: MapView) -> None:
        """Remove a map."""
        self.maps = tuple(kept for kept in self.maps if kept is not added)
        gone = [box for box in self.children if added in getattr(box, "children", ())]
        self.children = tuple(box for box in self.children if box not in gone)
        added.close()
        for box in gone:
            box.close()
