"""Every public name stands on the reference page, with an example that runs as it is written."""

import doctest
import inspect
import re
from pathlib import Path

import ipywidgets
import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays import memory

PAGE = Path(__file__).parents[1] / "notebooks" / "api.md"
NAMES = sorted(set(sw.__all__) - {"__version__", "samples"})


def example(name):
    """Code in the section Examples of a docstring."""
    _, _, section = inspect.getdoc(getattr(sw, name)).partition("Examples\n--------\n")
    return "".join(found.source for found in doctest.DocTestParser().get_examples(section))


@pytest.fixture(scope="module")
def known():
    """What a reader of the examples is taken to have, by its usual name."""
    signal = sw.samples.graphene()
    model = sw.RRVAE(seed=0).fit(signal)
    session = sw.Session(signal)
    session.learned.adopt(model)
    session.wait(60)
    yield {
        "sw": sw,
        "np": np,
        "ipywidgets": ipywidgets,
        "signal": signal,
        "model": model,
        "session": session,
        "maps": model.encode(signal),
        "com": sw.center_of_mass(signal),
        "vacuum": np.ones(signal.data.shape[:2], dtype=bool),
    }
    session.close()


def test_the_reference_page_has_every_public_name_once():
    shown = re.findall(r"^\.\. auto\w+:: stemwidgets\.(\w+)$", PAGE.read_text(), re.MULTILINE)
    assert sorted(shown) == sorted({*NAMES, "samples"})


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example(name):
    assert re.search(rf"\b{name}\b", example(name))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The (COM varies|beam wanders)")  # graphene, taken for vacuum
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"simulate"}))
def test_an_example_runs(name, known, tmp_path, monkeypatch):
    signal = known["signal"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory, "_set_limit", None)  # which an example sets
    files = {
        "scan.zspy": signal.save,
        "scan.hspy": signal.save,
        "vacuum.hspy": signal.save,
        "frames.npy": lambda path: np.save(path, signal.data.reshape(-1, 78, 78)),
        "maps.zspy": known["maps"].save,
        "calibration.json": sw.calibrate(signal, semi_angle=32).save,
    }
    for file, write in files.items():
        if file in example(name):
            write(file)
    exec(compile(example(name), name, "exec"), dict(known))
