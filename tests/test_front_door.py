"""``import stemwidgets`` is instant, and still shows everything there is."""

import os
import statistics
import subprocess
import sys
from pathlib import Path

import mypy.api
import pytest

import stemwidgets as sw

HEAVY = ("torch", "hyperspy", "pyxem", "bqplot", "ipywidgets", "matplotlib", "numpy", "numba")
WIDGETS = ("ipywidgets", "bqplot", "ipyevents", "traitlets", "IPython")
HYPERSPY = ("hyperspy", "pyxem", "matplotlib")


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(statement: str, names: tuple[str, ...]) -> set[str]:
    code = f"import sys\n{statement}\nprint(*[name for name in {names!r} if name in sys.modules])"
    return set(run_python(code).split())


def cpu_seconds(code: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


def test_the_front_door_loads_nothing_heavy():
    assert loaded_by("import stemwidgets", HEAVY) == set()


@pytest.mark.parametrize(("chosen", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_do_not_wait_busily_unless_someone_chose_so(chosen, found, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if chosen:
        monkeypatch.setenv("OMP_WAIT_POLICY", chosen)
    code = "import stemwidgets, os; print(os.environ['OMP_WAIT_POLICY'])"
    assert run_python(code).strip() == found


def test_looking_at_the_names_loads_nothing_heavy():
    assert loaded_by("import stemwidgets; dir(stemwidgets); stemwidgets.__all__", HEAVY) == set()


def test_the_front_door_costs_less_than_a_tenth_of_a_cpu_second():
    extra = [cpu_seconds("import stemwidgets") - cpu_seconds("pass") for _ in range(7)]
    assert statistics.median(extra) < 0.1


@pytest.mark.parametrize(
    ("package", "strangers"),
    [
        ("stemwidgets.arrays", ("torch", *WIDGETS, *HYPERSPY)),
        ("stemwidgets.rrvae", (*WIDGETS, *HYPERSPY)),
        ("stemwidgets.state", ("ipywidgets", "bqplot", "ipyevents", *HYPERSPY)),
        ("stemwidgets.views", ("torch", *HYPERSPY)),
    ],
)
def test_every_module_of_a_layer_works_without_its_strangers(package, strangers):
    """Not only not imported: everything loads where the strangers are not installed."""
    code = f"""
import importlib, pkgutil, sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {strangers!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotInstalled())
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
"""
    run_python(code)


def test_the_rrvae_trains_where_hyperspy_and_widgets_are_not_installed():
    code = f"""
import sys
import numpy as np

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {(*WIDGETS, *HYPERSPY)!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotInstalled())
from stemwidgets.rrvae import RRVAE

ky, kx = np.mgrid[-8:9, -9:10]
turn = np.linspace(0, 6, 40)[:, None, None]
data = 50.0 * (ky**2 + kx**2 < 36) * (1.2 + np.cos(turn) * kx / 8 + np.sin(turn) * ky / 8)
progress = next(RRVAE(seed=0).steps(np.random.default_rng(0).poisson(data)))
assert progress.epoch >= 0
"""
    run_python(code)


def test_dir_lists_every_public_name():
    assert set(dir(sw)) == set(sw.__all__)
    assert dir(sw) == sorted(sw.__all__, key=str)


@pytest.mark.parametrize("name", sw.__all__)
def test_every_public_name_is_there_and_explains_itself(name):
    value = getattr(sw, name)
    assert name == "__version__" or value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="rrvae_dashbord"):
        sw.rrvae_dashbord  # noqa: B018


@pytest.mark.slow
def test_type_checkers_see_every_public_name(tmp_path):
    code = "import stemwidgets as sw\n" + "".join(f"sw.{name}\n" for name in sw.__all__)
    checked = tmp_path / "user.py"
    checked.write_text(code + "sw.rrvae_dashbord\n")
    told, _, status = mypy.api.run([str(checked), "--cache-dir", str(tmp_path / "cache")])
    assert status == 1
    [complaint, _] = told.splitlines()
    assert 'has no attribute "rrvae_dashbord"' in complaint


def test_the_citation_names_this_version():
    citation = Path(__file__).parents[1] / "CITATION.cff"
    assert f"\nversion: {sw.__version__}\n" in citation.read_text(encoding="utf-8")
