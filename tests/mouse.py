"""What the browser sends when one uses the mouse and the keys over a figure."""

from itertools import count

from stemwidgets.views.pictures.screen import MARGIN

_clock = count(1.0)


def mouse(raster, kind, x=0.0, y=0.0, **others):
    """A mouse event at these coordinates of a raster's window."""
    frame = raster.frame
    across = (x - frame.left) / (frame.right - frame.left) * frame.width + MARGIN["left"]
    down = (y - frame.top) / (frame.bottom - frame.top) * frame.height + MARGIN["top"]
    event = {
        "type": kind,
        "timeStamp": next(_clock),
        "relativeX": int(across),
        "relativeY": int(down),
        "button": 0,
        "buttons": int(kind != "mouseup"),
        "shiftKey": False,
    }
    watcher = raster.pointer._mouse
    watcher._handle_mouse_msg(watcher, event | others, [])


def key(raster, name, shift=False):
    """A key, struck over a raster that listens."""
    watcher = raster.pointer._keys
    event = {"type": "keydown", "key": name, "shiftKey": shift}
    watcher._handle_mouse_msg(watcher, event, [])
