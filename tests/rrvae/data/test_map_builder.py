import numpy as np
import pytest

from stemwidgets.rrvae.data.map_builder import MapBuilder


def columns(n, first, **more):
    """Columns of an encoding, as a model gives them, counting up from `first`."""
    values = first + np.arange(n, dtype=np.float64)
    known = {
        "angle": values,
        "latent": np.stack([values, -values, 2 * values], axis=-1),
        "confidence": values,
        "residual": values,
        "angle_std": values,
        "symmetry": values.astype(np.int64).astype(np.uint8),
        "symmetry_confidence": values,
    }
    return known | more


def test_blocks_fill_the_maps_each_in_its_place():
    maps = MapBuilder((3, 4))
    maps.put(np.array([0, 1, 4, 5, 8, 9]), np.ones(6, bool), columns(6, 1))
    maps.put(np.array([2, 3, 6, 7, 10, 11]), np.ones(6, bool), columns(6, 11))
    encoding = maps.encoding(fold=3)

    expected = np.array([[1, 2, 11, 12], [3, 4, 13, 14], [5, 6, 15, 16]])
    np.testing.assert_array_equal(encoding.angle, expected)
    np.testing.assert_array_equal(encoding.latent[..., 1], -expected)
    np.testing.assert_array_equal(encoding.symmetry, expected)
    assert encoding.angle.dtype == encoding.latent.dtype == np.float32
    assert encoding.symmetry.dtype == np.uint8
    assert encoding.fold == 3
    assert encoding.classes is encoding.class_probability is None


def test_patterns_without_counts_are_marked_in_every_map():
    rows = np.array([True, False, True])
    maps = MapBuilder((5,))
    classes = {"classes": np.array([1, 0]), "class_probability": np.eye(2)[[1, 0]]}
    maps.put(np.arange(1, 4), rows, columns(2, 7, **classes))
    encoding = maps.encoding()

    np.testing.assert_array_equal(encoding.angle, [np.nan, 7, np.nan, 8, np.nan])
    np.testing.assert_array_equal(encoding.symmetry, [0, 7, 0, 8, 0])
    np.testing.assert_array_equal(encoding.classes, [-1, 1, -1, 0, -1])
    np.testing.assert_array_equal(
        np.isnan(encoding.class_probability).any(axis=1), ~np.isfinite(encoding.angle)
    )
    assert encoding.classes.dtype == np.int16


def test_a_column_that_no_encoding_has_is_refused():
    maps = MapBuilder((2,))
    maps.put(np.arange(2), np.ones(2, bool), columns(2, 0, angel=np.zeros(2)))
    with pytest.raises(TypeError, match="angel"):
        maps.encoding()
