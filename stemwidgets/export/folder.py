"""A folder with all that a session found: maps, model, pictures and a table."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stemwidgets.arrays.files.atomic import written
from stemwidgets.export.names import file_name, free
from stemwidgets.export.provenance import record
from stemwidgets.export.script import code
from stemwidgets.export.snapshot import Snapshot
from stemwidgets.views.pictures.display import Display

_CONTENTS = {
    "channels.zspy": "every map, for HyperSpy",
    "maps.zspy": "the rrVAE's maps, for stemwidgets.Maps.load",
    "model.rrvae": "the trained model, for stemwidgets.RRVAE.load",
    "channels.csv": "positions and every map, with units in the first line",
    "pictures": "every map as PNG and SVG",
    "settings.json": "scan, choices and versions",
    "maps.py": "the Python that makes the maps anew",
}


def write(snapshot: Snapshot, folder: str | Path) -> Path:
    """Write the folder; it is complete before it takes its name."""
    target = free(folder)
    with written(target, overwrite=False) as part:
        (part / "pictures").mkdir(parents=True)
        _fill(snapshot, part, target)
    return target


def _fill(snapshot: Snapshot, folder: Path, target: Path) -> None:
    from stemwidgets.export import figures

    facts = record(snapshot)
    kept = snapshot
    if snapshot.model is not None:
        snapshot.model.save(folder / "model.rrvae")
        kept = replace(snapshot, model_file=target / "model.rrvae")
        _write_maps(snapshot, facts, folder / "maps.zspy")
    _write_channels(snapshot, facts, folder / "channels.zspy")
    _write_table(snapshot, folder / "channels.csv")
    for name, channel in snapshot.maps.items():
        display = snapshot.displays.get(name, Display())
        picture = figures.of_channel(channel, snapshot.axes, display)
        figures.save(picture, folder / "pictures" / file_name(name))
    _write_text(folder / "settings.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    _write_text(folder / "maps.py", code(kept))
    lines = [f"{n:15} {words}" for n, words in _CONTENTS.items() if (folder / n).exists()]
    _write_text(folder / "README.txt", "\n".join([snapshot.name, "", *lines, ""]))


def _write_maps(snapshot: Snapshot, facts: dict[str, Any], path: Path) -> None:
    from stemwidgets.signals.maps.rrvae_maps import Maps

    assert snapshot.encoding is not None
    maps = Maps.from_encoding(snapshot.encoding, snapshot.axes, snapshot.title)
    maps.angle.metadata.add_dictionary({"Stemwidgets": facts})
    maps.save(path)


def _write_channels(snapshot: Snapshot, facts: dict[str, Any], path: Path) -> None:
    from stemwidgets.signals.io.saving import save
    from stemwidgets.signals.maps.scan_signals import map_stack_signal

    channels = list(snapshot.maps.values())
    values = np.stack([channel.values for channel in channels], axis=-1)
    stack = map_stack_signal(values, snapshot.axes, snapshot.name, "map", "")
    names = [channel.name for channel in channels]
    units = {channel.name: channel.units for channel in channels if channel.units}
    stack.metadata.add_dictionary({"Stemwidgets": {**facts, "maps": names, "units": units}})
    save(stack, path)


def _write_table(snapshot: Snapshot, path: Path) -> None:
    channels = list(snapshot.maps.values())
    scan_y, scan_x = snapshot.axes.scan_y, snapshot.axes.scan_x
    header = ["iy", "ix", f"y ({scan_y.units})", f"x ({scan_x.units})"]
    header += [
        f"{channel.name} ({channel.units})" if channel.units else channel.name
        for channel in channels
    ]
    columns = [channel.values for channel in channels]
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # spreadsheets read Å by it
        writer = csv.writer(file)
        writer.writerow(header)
        for iy, ix in np.ndindex(scan_y.size, scan_x.size):
            place = scan_y.coordinate(iy), scan_x.coordinate(ix)
            values = *place, *(column[iy, ix] for column in columns)
            writer.writerow([iy, ix, *map(_cell, values)])


def _cell(value: Any) -> str:
    return f"{value:.9g}" if np.isfinite(value) else ""


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
