"""A list of the session's channels to choose from."""

from typing import Any

import ipywidgets

from stemwidgets.state.channels import Channel, Channels
from stemwidgets.state.session import ScanSession
from stemwidgets.views.parts.words import caption_of


class ChannelChoice(ipywidgets.Dropdown):  # type: ignore[misc]  # ipywidgets has no types
    """Channels by the names they have on screen; `offer` makes it follow the session's.

    `channel` is chosen first, and may be one that is not there yet; `look` goes to the dropdown.
    """

    def __init__(self, session: ScanSession, channel: str, words: str = "", **look: Any) -> None:
        super().__init__(
            options=[(caption_of(channel), channel)],
            value=channel,
            description=words,
            style={"description_width": "initial"},
            **look,
        )
        self._session = session
        self.offer()

    @property
    def channel(self) -> Channel | None:
        """The chosen channel; None if it is not there yet."""
        channels: Channels = self._session.channels
        return channels.get(str(self.value))

    def offer(self, name: str = "") -> None:
        """Offer the channels that there are now, and choose another one if its name is given."""
        name = name or str(self.value)
        names = [*self._session.channels] + [name] * (name not in self._session.channels)
        options = [(caption_of(known), known) for known in names]
        if options != list(self.options) or name != self.value:
            with self.hold_sync():
                self.set_trait("options", options)
                self.set_trait("value", name)
