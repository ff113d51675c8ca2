"""Counts give the same results however they lie in memory or in a file.

Every public entry is asked with counts of each type, layout and byte order, in memory and lazy,
and compared with what it says of a contiguous copy.
"""

import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from layouts import Case, counts, every_case, few, pairs

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.kernels.detector_major import DetectorMajor
from stemwidgets.arrays.overview import overview
from stemwidgets.arrays.preparation.geometry import Center
from stemwidgets.arrays.preparation.placement import Preview
from stemwidgets.arrays.preparation.recipe import Recipe
from stemwidgets.signals.conversion import to_arrays

CENTER = (8.0, 9.0)
DISC = sw.DiscDetector(CENTER, 4.0)
RING = sw.AnnularDetector(CENTER, 2.0, 6.0)
SEGMENTS = sw.SegmentDetector(CENTER, 0.0, 6.0)
TRIANGLE = sw.PolygonDetector(((3.0, 3.0), (13.0, 5.0), (9.0, 14.0)))
Results = tuple[Any, ...]


def center_of_mass(data):
    return (sw.center_of_mass(data).positions,)


def bright_center_of_mass(data):
    found = sw.center_of_mass(data, threshold=2), sw.center_of_mass(data, background=0.05)
    return tuple(com.positions for com in found)


def virtual_images(data):
    detectors = (DISC, RING, SEGMENTS, TRIANGLE, "BF")
    return tuple(sw.virtual_image(data, detector).data for detector in detectors)


def dragged_detector(data):
    copy = DetectorMajor(data)
    return tuple(copy.image(sw.DiscDetector((8.0, 8.0 + step), 4.0)) for step in range(3))


def first_look(data):
    seen = [overview(data, detectors=True, bin_by=by) for by in (None, 2, 4)]
    names = ("sum_image", "mean_pattern", "com", "bright_field", "dark_field", "binned")
    return *(getattr(one, name) for one in seen for name in names), seen[0].disc.center


def calibrate(data):
    found = sw.calibrate(data, rotation=0.3)
    return found.disc.center, found.disc.radius, found.descan.y, found.descan.x


def pca(data):
    found = sw.pca(data, 2)
    return found.maps.data, found.patterns.data, found.denoised(2).data


def nmf(data):
    found = sw.nmf(data, 2)
    return (np.tensordot(found.maps.data, found.patterns.data, (0, 0)),)


def cluster(data):
    found = sw.cluster(data, 2)
    return found.labels.data, found.patterns.data


def preparation(data):
    steps = sw.Preparation().center(CENTER).crop(radius=7).bin(1).mask(np.eye(15, dtype=bool))
    scaled = sw.Preparation().center().bin(2).scale("std")
    means = sw.Preparation().subtract_mean().scale("range"), sw.Preparation().denoise(2)
    applied = (to_arrays(each.apply(data))[0] for each in (steps, scaled, *means))
    return tuple(np.asarray(scan) for scan in applied)


def session(data):
    session = sw.Session(data)
    try:
        session.wait(60)
        session.position = (1, 2)
        session.selection.region = np.indices(session.scan.shape[:2]).sum(axis=0) < 3
        shown = []
        for step in range(3):
            session.detector = sw.DiscDetector((8.0, 8.0 + step), 4.0)
            session.wait(60)
            shown.append(session.channels["virtual detector"].values)
        session.preparation.add("bin", factor=2)
        session.wait(60)
        assert session.problem == ""
        maps = (session.channels[name].values for name in ("sum", "BF", "COM angle"))
        patterns = session.pattern, session.selection.region_pattern, session.preparation.pattern
        return (*shown, *maps, *patterns, session.scan.overview.mean_pattern)
    finally:
        session.close()


def trained(kind: str, mask: Any = None) -> Callable[[Any], Results]:
    def train(data):
        model = sw.RRVAE(kind=kind, epochs=None if kind == "harmonic" else 1)
        steps = model.steps(data, mask=mask)
        next(steps)
        steps.close()
        maps = model.encode(data)
        return maps.angle, maps.latent, maps.residual

    return train


def page(show: Callable[..., Any]) -> Callable[[Any], Results]:
    def opened(data):
        shown = show(data)
        try:
            shown.session.wait(60)
            assert shown.session.problem == ""
            return shown.session.pattern, shown.session.channels["COM angle"].values
        finally:
            shown.close()

    return opened


QUICK = (center_of_mass, virtual_images, dragged_detector, first_look)
SLOWER = (bright_center_of_mass, calibrate, pca, nmf, cluster, preparation, session)
SLOWEST = {
    "harmonic": trained("harmonic"),
    "paper": trained("paper"),
    "vae": trained("vae"),
    "explore": page(sw.explore),
    "prepare": page(sw.prepare),
    "rrvae_dashboard": page(sw.rrvae_dashboard),
}


EDGE = np.indices((16, 24)).min(axis=0) < 2
MASKED = {f"{kind}, masked": trained(kind, EDGE) for kind in ("harmonic", "paper", "vae")}
ENTRIES = {each.__name__: each for each in (*QUICK, *SLOWER)} | SLOWEST | MASKED


# NMF ends when its squared misfit falls by less than 5e-6 of itself: so far its model may be off
STOPS = {"nmf": 5e-6**0.5}  # share of the largest value


class Table:
    """What an entry says of counts as they come, beside what it says of plain ones."""

    def __init__(self, name: str, entry: Callable[[Any], Results]) -> None:
        self.name, self._entry = name, entry
        self._plain: dict[Any, Results | sw.InputError] = {}
        self.right, self.refused, self.wrong = 0, 0, list[str]()

    def try_all(self, cases: list[Case]) -> None:
        for case in cases:
            if case.source not in self._plain:
                self._plain[case.source] = self.said(case.plain())
            expected, found = self._plain[case.source], self.said(case.data())
            if isinstance(expected, Exception) or isinstance(found, Exception):
                alike = isinstance(found, sw.InputError) and str(found) == str(expected)
                self.refused += alike
            else:
                share = STOPS.get(self.name, 1e-5)
                alike = all(_close(*pair, share) for pair in zip(found, expected, strict=True))
                self.right += alike
            if not alike:
                self.wrong.append(f"{case}: {found!r}"[:300])

    def said(self, data: Any) -> Results | Exception:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return self._entry(data)
        except Exception as error:  # every one is told beside its case
            return error

    def print(self) -> None:
        tried = self.right + self.refused + len(self.wrong)
        print(
            f"\n{self.name}: {tried} tried, {self.right} right, {self.refused} refused in words, "
            f"{len(self.wrong)} wrong",
            *self.wrong[:20],
            sep="\n  ",
        )


def _close(found: Any, expected: Any, share: float = 1e-5) -> bool:
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    scale = np.abs(expected).max(initial=0.0, where=np.isfinite(expected))
    return found.shape == expected.shape and np.allclose(
        found, expected, rtol=1e-4, atol=share * scale, equal_nan=True
    )


def _compare(name: str, entry: Callable[[Any], Results], cases: list[Case]) -> None:
    table = Table(name, entry)
    table.try_all(cases)
    table.print()
    assert table.right == len(cases)


@pytest.mark.slow
@pytest.mark.parametrize("entry", QUICK[1:], ids=lambda entry: entry.__name__)  # the first: below
def test_every_type_with_every_layout(entry):
    _compare(entry.__name__, entry, pairs())


@pytest.mark.parametrize("entry", [*QUICK, *SLOWER], ids=lambda entry: entry.__name__)
def test_every_layout_and_every_type(entry):
    _compare(entry.__name__, entry, few())


@pytest.mark.parametrize("name", SLOWEST)
def test_pages_and_trainings(name):
    _compare(name, SLOWEST[name], few(3)[1::4])


@pytest.mark.parametrize("name", ["center_of_mass", "calibrate", "pca", "harmonic", "explore"])
def test_data_sets_of_files_are_read_lazily(tmp_path, name):
    values = counts("u2")
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        sets = (
            file.create_dataset("scan", data=values, chunks=(1, 2, 16, 24)),
            zarr.array(values, chunks=(2, 3, 8, 24)),
        )
        expected = ENTRIES[name](values)
        for data_set in sets:
            assert all(map(_close, ENTRIES[name](data_set), expected))


def _read_in_every_way(scan: np.ndarray) -> None:
    sw.center_of_mass(scan)
    sw.virtual_image(scan, DISC)
    overview(scan)
    preview = Preview(Recipe((Center(),)), scan, Axes.uncalibrated(scan.shape))
    assert preview.pattern((1, 2)).max() == 90


def test_a_mapped_scan_is_never_copied_as_a_whole(tmp_path):
    file = np.lib.format.open_memmap(tmp_path / "scan.npy", "w+", "u2", (96, 64, 64, 96))
    file[...] = 1
    file[:, :, 20:40, 40:60] = 90
    file.flush()
    for axis in (None, 2):
        scan = np.load(tmp_path / "scan.npy", mmap_mode="r")
        scan = scan if axis is None else np.flip(scan, axis)
        _read_in_every_way(scan)  # compiling takes memory, too
        tracemalloc.start()
        _read_in_every_way(scan)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 0.4 * scan.nbytes


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i2", ">f4", "?"])
def test_files_of_every_order_and_copies_of_them(tmp_path, dtype, lazy):
    values = counts("u1").astype(dtype)
    expected = center_of_mass(np.array(values, values.dtype.newbyteorder("=")))[0]
    for order in "CF":
        path = tmp_path / f"{order}.npy"
        np.save(path, np.asarray(values, order=order))
        copy = sw.rechunk(path, tmp_path / f"{order}.zspy", progress=lambda _: None)
        for file in (path, copy):
            signal = sw.load(file, lazy=lazy)
            np.testing.assert_array_equal(np.asarray(signal.data), values)
            for part in (signal, signal.isig[:, ::-1].isig[:, ::-1]):
                np.testing.assert_allclose(center_of_mass(part)[0], expected)


@pytest.mark.parametrize("name", ENTRIES)
def test_negative_pixels_of_signed_integers(name):
    table = Table(name, ENTRIES[name])
    for dtype in ("i1", "i2", "i4", "i8"):
        dark = counts(dtype) - np.eye(16, 24, dtype=dtype)
        expected, found = table.said(dark.astype("f8")), table.said(dark)
        if isinstance(expected, Exception):
            assert isinstance(found, sw.InputError), found
            assert "negative" in str(found)
        else:
            assert all(map(_close, found, expected)), found


@pytest.mark.slow
def test_the_whole_table():
    _compare("center_of_mass", center_of_mass, every_case())
