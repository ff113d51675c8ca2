"""Arrays of unknown size and values beyond all counts: a right result or words, at every door."""

import warnings

import dask.array as da
import numpy as np
import pytest
from layouts import counts

import stemwidgets as sw
from stemwidgets.arrays.center_of_mass import moments
from stemwidgets.arrays.kernels.detector_major import DetectorMajor
from stemwidgets.arrays.overview import overview

SPOT = counts("f8")
ALL = np.ones_like(SPOT)
ONE = np.zeros_like(SPOT)
ONE[1, 2, 8, 9] = 1


def of_unknown_size(axis):
    lazy = da.from_array(SPOT, chunks=(2, 5, 16, 24))
    every = da.from_array(np.ones(SPOT.shape[axis], bool))
    return lazy[(slice(None),) * axis + (every,)]


def lit(value, where, dtype):
    bright = np.maximum(SPOT, 1) * value
    with np.errstate(over="ignore"):
        return np.where(where > 0, bright, SPOT).astype(dtype)


CASES = {
    "rows of unknown number": of_unknown_size(0),
    "columns of unknown number": of_unknown_size(1),
    "detector of unknown size": of_unknown_size(2),
    "no rows": SPOT[:0],
    "no detector": SPOT[..., :0],
    "no rows, lazy": da.from_array(SPOT)[:0],
    "all 1e35, single": lit(1e35, ALL, "f4"),
    "one 1e35, single": lit(1e35, ONE, "f4"),
    "one 3e38, single": lit(6e36, ONE, "f4"),
    "all 1e35": lit(1e35, ALL, "f8"),
    "all 1e150": lit(1e150, ALL, "f8"),
    "all 1e300": lit(1e300, ALL, "f8"),
    "one 1e40": lit(1e40, ONE, "f8"),
    "one 1e300": lit(1e300, ONE, "f8"),
    "beyond double precision": lit(np.longdouble("1e4000"), ONE, "g"),
    "one infinite": lit(np.inf, ONE, "f8"),
    "one infinite, half": lit(np.inf, ONE, "f2"),
    "one minus infinite": -lit(np.inf, ONE, "f8"),
    "all 1e-30": lit(1e-30, ALL, "f8"),
    "all 1e-300": lit(1e-300, ALL, "f8"),
    "64 bits": counts("u8") + np.uint64(2**63),
    "nothing": 0 * SPOT,
}


def center_of_mass(data):
    return sw.center_of_mass(data).positions


def bright_field(data):
    return sw.virtual_image(data, "BF").data


def disc(data):
    return sw.calibrate(data, rotation=0.0).disc.center


def pca(data):
    return sw.pca(data, 2).maps.data


def nmf(data):
    return sw.nmf(data, 2).maps.data


def binned(data):
    return np.asarray(sw.Preparation().bin(2).scale("std").apply(data))


def trained(model):
    def train(data):
        steps = model.steps(data)
        next(steps)
        steps.close()
        return model.encode(data).latent

    return train


def page(data):
    shown = sw.explore(data)
    try:
        shown.session.wait(60)
        if shown.session.problem:
            raise sw.InputError(shown.session.problem)
        return shown.session.channels["COM x"].values
    finally:
        shown.close()


def lazy_page(data):
    return page(data if hasattr(data, "dask") else da.from_array(data, chunks=(2, 3, 16, 24)))


DOORS = [center_of_mass, bright_field, disc, pca, nmf, binned, page, lazy_page]


@pytest.mark.parametrize("door", [*DOORS, "harmonic", "paper"])
def test_a_result_or_words(door):
    right, refused, wrong = 0, 0, []
    for name, data in CASES.items():
        enter = trained(sw.RRVAE(kind=door)) if isinstance(door, str) else door
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                found = enter(data)
        except sw.InputError as error:
            refused += str(error)[:8] == "Expected"
            if str(error)[:8] != "Expected":
                wrong.append(f"{name}: {error}")
        except Exception as error:  # every one is told beside its case
            wrong.append(f"{name}: {error!r}")
        else:
            known = np.isfinite(found).all() or (name == "nothing" and door is center_of_mass)
            right += bool(known)
            if not known:
                wrong.append(f"{name}: not finite")
    tried = right + refused + len(wrong)
    print(f"\n{tried} tried, {right} right, {refused} refused in words, {len(wrong)} wrong", *wrong)
    assert not wrong


def test_bins_of_large_counts_do_not_wrap_around():
    for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "f2"):
        limit = 60000 if dtype == "f2" else np.iinfo(dtype).max
        data = np.full((2, 2, 16, 16), limit, dtype)
        found = np.asarray(sw.Preparation().bin(2).apply(data))
        assert (found == 4 * float(data.flat[0])).all(), dtype


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
def test_sums_of_the_largest_counts_do_not_wrap_around(dtype):
    limits = np.array([np.iinfo(dtype).max, np.iinfo(dtype).min], dtype)
    for shape in ((2, 3, 64, 128), (2, 3, 61, 117)):
        data = np.random.default_rng(0).choice(limits, shape, p=[0.7, 0.3])
        exact = data.astype(float)
        y, x = np.indices(shape[2:])
        disc = np.hypot(y - 30, x - 60) < 25
        found = {
            "moments": moments(data),
            "image": sw.virtual_image(data, sw.DiscDetector((30, 60), 25.0)).data,
            "dragged": DetectorMajor(data).image(sw.DiscDetector((30, 60), 25.0)),
            "sum": overview(data).sum_image,
            "mean": overview(data).mean_pattern,
        }
        expected = {
            "moments": np.stack([(exact * k).sum((2, 3)) for k in (1, y, x)], axis=-1),
            "image": (exact * disc).sum((2, 3)),
            "dragged": (exact * disc).sum((2, 3)),
            "sum": exact.sum((2, 3)),
            "mean": exact.mean((0, 1)),
        }
        for name, values in found.items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-9, err_msg=name)
