"""The documentation site: python -m sphinx -W -b html notebooks build/site."""

import re
from itertools import groupby

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

import stemwidgets

project = "stemwidgets"
author = "The stemwidgets developers"
release = version = stemwidgets.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = [".ipynb_checkpoints"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests run the notebooks
# the README and the notebooks are written to be read elsewhere, too
suppress_warnings = ["myst.header", "myst.xref_missing", "mystnb.lexer", "config.cache"]

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the types are in the docstrings
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"stemwidgets {release}"
html_copy_source = False
html_show_copyright = False
html_math_renderer = "mathml"  # by the browser itself, without a network

CHAPTERS = {
    "dashboards": "Dashboards",
    "desk": "Session",
    "views": "Views",
    "signals": "Signals",
    "samples": "Simulated scans",
    "rrvae": "Training",
    "arrays": "Arrays",
}

# of our own classes; what all widgets have is left to their documentation
INHERITED = {
    "signals": "   :inherited-members:\n",
    "desk": "   :inherited-members: HasTraits\n",
}


def chapters() -> str:
    """Every public name, by the folder that it lives in."""
    homes = stemwidgets._HOMES
    order = list(CHAPTERS) + sorted({home.split(".")[0] for home in homes.values()} - {*CHAPTERS})

    def place(name: str) -> int:
        return order.index(homes[name].split(".")[0])

    text = ""
    for at, names in groupby(sorted(homes, key=lambda name: (place(name), name.lower())), place):
        folder = order[at]
        text += f"\n## {CHAPTERS.get(folder, folder)}\n"
        for name in names:
            kind = "class" if isinstance(getattr(stemwidgets, name), type) else "function"
            text += f"\n```{{eval-rst}}\n.. auto{kind}:: stemwidgets.{name}\n"
            if kind == "class":
                text += "   :members:\n" + INHERITED.get(folder, "")
            text += "```\n"
        if folder == "samples":
            text += "\n```{eval-rst}\n.. automodule:: stemwidgets.samples\n   :members:\n```\n"
    return text


def fill_in(app, docname, source):
    """Put the chapters into the page of the reference."""
    if docname == "api":
        source[0] += chapters()


def keep_bars(app, what, name, obj, options, lines):
    """Let |x| be a modulus, not a substitution."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = re.sub(r"(``.*?``)|\|", lambda found: found[1] or r"\|", line)


def inline_math(translator, node):
    """A formula within a line."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def displayed_math(translator, node):
    """A formula on lines of its own."""
    translator.body.append(f"<div>{tex2mathml(node.astext(), as_block=True)}</div>")
    raise nodes.SkipNode


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", fill_in)
    app.connect("autodoc-process-docstring", keep_bars, priority=100)  # before napoleon
    app.add_html_math_renderer("mathml", (inline_math, None), (displayed_math, None))
