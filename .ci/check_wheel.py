"""Use the installed wheel as someone without the repository would."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import stemwidgets as sw

package = Path(sw.__file__).parent
assert Path(sys.prefix).resolve() in package.resolve().parents, f"not the wheel: {package}"

signal = sw.samples.graphene()
assert signal.data.shape == (14, 24, 78, 78), signal.data.shape

assert (package / "__init__.pyi").is_file(), "the public names are missing"

assert (package / "views/parts/style.css").is_file(), "the style of the views is missing"

[extension] = entry_points(group="hyperspy.extensions", name="stemwidgets")
assert (package / "hyperspy_extension.yaml").is_file(), "hyperspy_extension.yaml is missing"

page = package / "cli/jupyter/voila/templates/stemwidgets/index.html.j2"
assert page.is_file(), "the page's template is missing"

command = Path(sys.executable).with_name("stemwidgets")
version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
assert version.stdout.split() == ["stemwidgets", sw.__version__], version.stdout

print(f"wheel {sw.__version__}: sample, extension, page and command are inside")
