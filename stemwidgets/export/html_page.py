"""A page in one file, to be read without a kernel and without a network: pictures, no scripts."""

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from stemwidgets.arrays.files.atomic import written
from stemwidgets.export.names import free
from stemwidgets.export.provenance import record
from stemwidgets.export.script import code
from stemwidgets.export.snapshot import Snapshot
from stemwidgets.views.pictures.display import Display

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
body { font: 16px/1.45 sans-serif; color: #212121; background: #fff; margin: 24px auto;
  max-width: 1180px; padding: 0 20px; }
h1 { font-size: 26px; border-bottom: 2px solid #1565c0; padding-bottom: 6px; }
h2 { font-size: 19px; margin: 28px 0 8px; }
section { display: flex; flex-wrap: wrap; gap: 12px 20px; align-items: flex-start; }
figure { margin: 0; border: 1px solid #ddd; }
img { display: block; max-width: 100%; }
pre { background: #f5f5f5; padding: 12px; overflow-x: auto; font-size: 14px; }
@media print { figure, pre { break-inside: avoid; } }
"""


def write(snapshot: Snapshot, path: str | Path) -> Path:
    """Write the page; it is complete before it takes its name."""
    named = str(path).strip()
    if named and not named.lower().endswith((".html", ".htm")):
        named += ".html"
    target = free(named)
    with written(target, overwrite=False) as part:
        part.write_text(html(snapshot), encoding="utf-8")
    return target


def html(snapshot: Snapshot) -> str:
    """The page as HTML."""
    from stemwidgets.export import figures

    axes, title = snapshot.axes, escape(snapshot.name)
    rows, columns, height, width = axes.shape
    facts = f"scan {rows} × {columns}, patterns {height} × {width}"
    if snapshot.beam_energy:
        facts += f", {snapshot.beam_energy:g} kV"
    maps = [
        _figure(figures.of_channel(channel, axes, snapshot.displays.get(name, Display())), name)
        for name, channel in snapshot.maps.items()
    ]
    mean = figures.of_pattern(snapshot.mean_pattern, axes, "mean pattern")
    parts = [f"<h1>{title}</h1><p>{escape(facts)}</p>"]
    if snapshot.comparison:
        words = f"<b>rrVAE angle against COM angle:</b> {escape(snapshot.comparison)}"
        parts.append(f"<p>{words}</p>")
    parts.append(f"<h2>Maps</h2><section>{''.join(maps)}</section>")
    parts.append(f"<h2>Mean pattern</h2><section>{_figure(mean, 'mean pattern')}</section>")
    if snapshot.manifold is not None:
        decoded = _figure(figures.of_manifold(*snapshot.manifold, axes), "decoded patterns")
        words = "What the rrVAE makes of its latent variables, turned to angle 0, less their mean."
        parts.append(f"<h2>Decoded patterns</h2><p>{words}</p><section>{decoded}</section>")
    settings = json.dumps(record(snapshot), indent=2, ensure_ascii=False)
    parts.append(f"<h2>The maps in Python</h2><pre>{escape(code(snapshot))}</pre>")
    parts.append(f"<h2>Settings and versions</h2><pre>{escape(settings)}</pre>")
    return (
        f"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _figure(figure: "Figure", words: str) -> str:
    from stemwidgets.export.figures import as_uri

    width = round(figure.get_figwidth() * 80)
    return f"<figure><img alt='{escape(words)}' width='{width}' src='{as_uri(figure)}'></figure>"
