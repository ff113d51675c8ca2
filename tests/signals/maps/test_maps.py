import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.rrvae.common.records import Encoding

AXES = Axes(Axis(3, 0.2, 0.1, "Å"), Axis(5, 0.3, 0, "Å"), Axis(9), Axis(11))
SINGLE = ("angle", "confidence", "residual", "angle_std", "symmetry", "symmetry_confidence")


def encoding_of(latent_dim=2, fold=1, **classes):
    """Whatever numbers, with one pattern without counts."""
    rng = np.random.default_rng(0)

    def random(*shape):
        values = rng.normal(size=shape).astype(np.float32)
        values[1, 2] = np.nan
        return values

    return Encoding(
        angle=random(3, 5),
        latent=random(3, 5, latent_dim),
        confidence=random(3, 5),
        residual=random(3, 5),
        angle_std=random(3, 5),
        symmetry=rng.integers(0, 7, (3, 5), dtype=np.uint8),
        symmetry_confidence=random(3, 5),
        fold=fold,
        **classes,
    )


@pytest.fixture
def maps():
    return sw.Maps.from_encoding(encoding_of(), AXES, "Graphene")


@pytest.fixture
def classified():
    rng = np.random.default_rng(1)
    probability = rng.dirichlet([1, 1, 1, 1], (3, 5)).astype(np.float32)
    classes = probability.argmax(axis=-1).astype(np.int16)
    probability[1, 2], classes[1, 2] = np.nan, -1
    encoding = encoding_of(1, fold=3, classes=classes, class_probability=probability)
    return sw.Maps.from_encoding(encoding, AXES)


@pytest.mark.parametrize("name", ["maps.zspy", "maps.hspy"])
@pytest.mark.parametrize("kind", ["maps", "classified"])
def test_saved_maps_come_back_with_their_axes(kind, name, request, tmp_path, capsys):
    maps = request.getfixturevalue(kind)
    parts = [*SINGLE, "latent"] + ["classes", "class_probability"] * (kind == "classified")
    description = repr(maps)
    maps.save(tmp_path / name)
    assert capsys.readouterr().out == ""
    assert repr(maps) == description
    loaded = sw.Maps.load(tmp_path / name)

    assert repr(loaded) == description
    assert loaded.fold == maps.fold
    for part in parts:
        before, after = getattr(maps, part), getattr(loaded, part)
        np.testing.assert_array_equal(before.data, after.data)
        assert before.data.dtype == after.data.dtype
        assert before.metadata.has_item("Signal.fold") == after.metadata.has_item("Signal.fold")
        assert before.metadata.General.title == after.metadata.General.title
        assert before.metadata.Signal.quantity == after.metadata.Signal.quantity
        for axis, same in zip(before.axes_manager._axes, after.axes_manager._axes, strict=True):
            assert (axis.name, axis.scale, axis.offset, axis.units) == (
                same.name,
                same.scale,
                same.offset,
                same.units,
            )


def test_latent_maps_are_browsed_by_z(maps):
    assert maps.latent.axes_manager.navigation_axes[0].name == "z"
    assert maps.latent.data.shape == (2, 3, 5)


def test_class_probabilities_are_browsed_by_class(classified):
    axis = classified.class_probability.axes_manager.navigation_axes[0]
    assert (axis.name, axis.offset, axis.scale) == ("class", 0, 1)
    assert classified.class_probability.data.shape == (4, 3, 5)
    defined = classified.classes.data >= 0
    most_probable = classified.class_probability.data[:, defined].argmax(axis=0)
    np.testing.assert_array_equal(most_probable, classified.classes.data[defined])


def test_without_classes_there_are_no_maps_of_them(maps):
    assert maps.classes is maps.class_probability is None


def test_maps_say_what_they_are(maps, classified):
    assert repr(maps) == (
        "<Maps, scan 3×5: angle [rad], angle_std [rad], confidence, symmetry, "
        "symmetry_confidence, latent (2), residual>"
    )
    assert "angle [rad, modulo 120°]" in repr(classified)
    assert "latent (1), residual, classes, class_probability (4)>" in repr(classified)


def test_angles_are_compared_modulo_what_the_maps_say(classified):
    thirds = np.random.default_rng(2).integers(3, size=(3, 5)) * 2 * np.pi / 3
    turned = classified.angle.data + thirds

    comparison = sw.compare_angles(classified.angle, turned)
    assert comparison.symmetry == 3
    assert comparison.correlation == pytest.approx(1)
    assert sw.compare_angles(turned, classified.angle).symmetry == 3
    assert sw.compare_angles(classified.angle, turned, symmetry=1).correlation < 0.9
    twofold = classified.angle.deepcopy()
    twofold.metadata.Signal.fold = 2
    assert sw.compare_angles(twofold, classified.angle).symmetry == 6


@pytest.mark.parametrize("name", ["maps.zspy", "maps.hspy"])
def test_maps_of_an_earlier_version_are_refused_in_words(maps, name, tmp_path):
    old = maps._stack().inav[:5]
    old.metadata.Rrvae.maps = "angle z1 z2 confidence residual"
    old.save(tmp_path / name)

    words = f"angle_std, symmetry, symmetry_confidence, but {name} .* Make the maps again"
    with pytest.raises(sw.InputError, match=words):
        sw.Maps.load(tmp_path / name)


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


@pytest.mark.parametrize("suffix", [".zspy", ".hspy"])
@pytest.mark.parametrize("left", ["part", "part.earlier"])
def test_what_a_killed_process_left_beside_maps_does_not_hinder_the_next_save(
    maps, suffix, left, tmp_path
):
    path = tmp_path / f"m{suffix}"
    maps.save(path)
    beside = path.with_stem(f"m.{left}")
    maps.save(beside)
    maps.save(path, overwrite=True)
    sw.Maps.load(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_maps_that_a_killed_process_had_set_aside_come_back(maps, tmp_path):
    path = tmp_path / "m.zspy"
    maps.save(path.with_stem("m.part.earlier"))
    sw.Maps.load(path)
    with pytest.raises(FileExistsError):
        maps.save(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
