import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.rrvae.records import Encoding


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)

    def random(*shape):
        return rng.normal(size=shape).astype(np.float32)

    encoding = Encoding(
        angle=random(3, 5),
        latent=random(3, 5, 2),
        confidence=random(3, 5),
        residual=random(3, 5),
        angle_std=random(3, 5),
        symmetry=rng.integers(0, 7, (3, 5), dtype=np.uint8),
        symmetry_confidence=random(3, 5),
    )
    axes = Axes(Axis(3, 0.2, 0.1, "Å"), Axis(5, 0.3, 0, "Å"), Axis(9), Axis(11))
    return sw.Maps.from_encoding(encoding, axes, "Graphene")


@pytest.mark.parametrize("name", ["maps.zspy", "maps.hspy"])
def test_saved_maps_come_back_with_their_axes(maps, name, tmp_path):
    maps.save(tmp_path / name)
    loaded = sw.Maps.load(tmp_path / name)

    for part in ("angle", "latent", "confidence", "residual"):
        before, after = getattr(maps, part), getattr(loaded, part)
        np.testing.assert_array_equal(before.data, after.data)
        assert before.metadata.General.title == after.metadata.General.title
        assert before.metadata.Signal.quantity == after.metadata.Signal.quantity
        for axis, same in zip(
            before.axes_manager.signal_axes, after.axes_manager.signal_axes, strict=True
        ):
            assert (axis.name, axis.scale, axis.offset, axis.units) == (
                same.name,
                same.scale,
                same.offset,
                same.units,
            )


def test_latent_maps_are_browsed_by_z(maps):
    assert maps.latent.axes_manager.navigation_axes[0].name == "z"
    assert maps.latent.data.shape == (2, 3, 5)


def test_existing_maps_are_not_overwritten_by_accident(maps, tmp_path):
    maps.save(tmp_path / "maps.hspy")

    with pytest.raises(FileExistsError, match="overwrite=True"):
        maps.save(tmp_path / "maps.hspy")
    maps.save(tmp_path / "maps.hspy", overwrite=True)


def test_maps_need_a_format_and_a_folder(maps, tmp_path):
    with pytest.raises(sw.InputError, match=r"\.zspy or \.hspy"):
        maps.save(tmp_path / "maps.tif")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        maps.save(tmp_path / "no" / "maps.zspy")


def test_only_maps_are_loaded_as_maps(maps, tmp_path):
    maps.angle.save(tmp_path / "other.hspy")

    with pytest.raises(sw.InputError, match="Expected maps"):
        sw.Maps.load(tmp_path / "other.hspy")
    with pytest.raises(FileNotFoundError):
        sw.Maps.load(tmp_path / "nowhere.hspy")
