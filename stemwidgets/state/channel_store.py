"""All maps of a session, which its parts add and replace."""

from types import MappingProxyType

from traitlets import Any as AnyTrait
from traitlets import HasTraits

from stemwidgets.state.channels import Channel, Source, merged, names_from


class ChannelStore(HasTraits):
    """Maps over one scan by the name they have on screen.

    Attributes
    ----------
    channels : mapping of str to Channel
        The maps in the order in which they came; replaced whole.
    """

    channels = AnyTrait(MappingProxyType({}), read_only=True)

    def put(self, *channels: Channel, drop: tuple[str, ...] = ()) -> None:
        """Add channels, each in place of one of its name, and drop others."""
        self.set_trait("channels", merged(self.channels, *channels, drop=drop))

    def replace(self, source: Source, *channels: Channel) -> None:
        """Put these channels in the place of all from one source."""
        self.put(*channels, drop=names_from(self.channels, source))
