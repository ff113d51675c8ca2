"""Maps of scans so large that they are written while the scan is encoded."""

import dask.array as da
import numpy as np
import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.data import map_builder
from stemwidgets.signals.conversion import arrays_to_signal

PARTS = ("angle", "latent", "confidence", "residual", "angle_std", "symmetry", "class_probability")


@pytest.fixture(scope="module")
def signal():
    patterns = turning_spot()
    patterns[2, 3] = 0
    return arrays_to_signal(da.from_array(patterns, chunks=(2, 5, -1, -1)), AXES, "spot")


@pytest.fixture(scope="module")
def model(signal):
    return sw.RRVAE(seed=2, classes=2).fit(signal)


@pytest.mark.parametrize("name", ["maps.zspy", "maps.hspy"])
def test_written_maps_are_those_of_memory(model, signal, name, tmp_path):
    written = model.encode(signal, tmp_path / name)
    whole = model.encode(signal)
    assert written.angle._lazy
    assert repr(written) == repr(whole)
    read = sw.Maps.load(tmp_path / name)
    for part in PARTS:
        for found in (written, read):
            values, expected = getattr(found, part), getattr(whole, part)
            np.testing.assert_array_equal(np.asarray(values.data), expected.data)
            assert values.data.dtype == expected.data.dtype
            assert str(values.axes_manager) == str(expected.axes_manager)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    com = sw.center_of_mass(signal)
    assert str(sw.compare_angles(written.angle, com.angle)) == str(
        sw.compare_angles(whole.angle, com.angle)
    )


def test_maps_are_kept_on_disk_meanwhile(model, signal, monkeypatch, tmp_path):
    made = []
    build = map_builder.MapBuilder._empty

    def empty(self, *what):
        made.append(build(self, *what))
        return made[-1]

    monkeypatch.setattr(map_builder.MapBuilder, "_empty", empty)
    model.encode(signal, tmp_path / "maps.zspy")
    assert len(made) > 5
    assert all(isinstance(column, np.memmap) for column in made)


def test_where_nothing_may_be_written_nothing_is_read(model, tmp_path):
    (tmp_path / "there.zspy").mkdir()
    for path, error in (
        (tmp_path / "there.zspy", FileExistsError),
        (tmp_path / "maps.tif", InputError),
        (tmp_path / "nowhere" / "maps.zspy", FileNotFoundError),
    ):
        with pytest.raises(error):
            model.encode(None, path)


def test_an_encoding_that_fails_leaves_earlier_maps_and_no_files(model, signal, tmp_path):
    path = tmp_path / "maps.zspy"
    model.encode(signal, path)
    before = sw.Maps.load(path).angle.data
    spoilt = np.asarray(signal.data)
    with pytest.raises(InputError):
        model.encode(spoilt[..., :-1], path, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["maps.zspy"]
    np.testing.assert_array_equal(sw.Maps.load(path).angle.data, before)
