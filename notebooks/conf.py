"""The documentation site: python -m sphinx -W -b html notebooks build/site."""

import re

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
    app.connect("autodoc-process-docstring", keep_bars, priority=100)  # before napoleon
    app.add_html_math_renderer("mathml", (inline_math, None), (displayed_math, None))
