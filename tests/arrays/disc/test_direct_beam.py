"""The direct beam is found among reflections, halos and faults, or said not to be sure.

``python -m pytest -s tests/test_direct_beam.py`` prints the cases tried, right, unsure and wrong.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from direct_beams import (
    Beam,
    Kind,
    counts,
    covering_stop,
    gaussian,
    hot_pixels,
    hot_row,
    lorentzian,
    masked_stop,
    outcome,
    power_law,
    reflections,
    rings,
    saturated,
    start,
    streaks,
    uneven,
)
from real_files import BLOCKFILE, MERLIN_DISC, MERLIN_HOT_PIXEL, TOPSPIN

import stemwidgets as sw
from stemwidgets.arrays.disc.find import Ellipse, find_disc

CLUTTER: dict[str, Kind] = {
    "diffuse, Gaussian": gaussian,
    "diffuse, Lorentzian": lorentzian,
    "diffuse, power law": power_law,
    "amorphous rings": rings,
    "saturated": saturated,
    "hot pixels": hot_pixels,
    "hot row": hot_row,
    "uneven within": uneven,
    "streaks": streaks,
}
SHAPES: dict[str, dict[str, object]] = {
    "annular": {"hollow": 0.6},
    "elliptical": {"ellipse": Ellipse(1.2, 0.5)},
    "soft": {"soft": 1.6},
    "pixels of 1.3:1": {"aspect": 1.3},
    "pixels of 0.7:1": {"aspect": 0.7},
}
LEAST_RIGHT = 0.65  # of pairs of kinds: half of them hide, saturate or starve the edge
LAST = (saturated, hot_pixels, hot_row)  # what the detector does to a pattern


def room_for(radius: float, times: float = 5.0) -> tuple[int, int]:
    side = int(min(max(32, 2 * times * radius), 512))
    return side, min(int(1.1 * side), 512)


def table(title: str, cases: Iterator[tuple[str, Beam]]) -> dict[str, Counter[str]]:
    """Outcomes by kind, printed; wrong ones one by one. A case counts for each of its kinds."""
    found: dict[str, Counter[str]] = {}
    total: Counter[str] = Counter()
    for name, beam in cases:
        verdict, words = outcome(beam)
        total[verdict] += 1
        for kind in name.split(" + "):
            found.setdefault(kind, Counter())[verdict] += 1
        if verdict == "wrong":
            print(f"\nwrong: {name}, {beam.center} radius {beam.radius:.1f}: found {words}")
    print(f"\n{title:<28}{'tried':>8}{'right':>8}{'unsure':>8}{'wrong':>8}")
    for name, one in [*found.items(), ("all", total)]:
        print(f"{name:<28}{one.total():>8}{one['right']:>8}{one['unsure']:>8}{one['wrong']:>8}")
    return {**found, "all": total}


def plain_cases(seeds: int) -> Iterator[tuple[str, Beam]]:
    for seed in range(seeds):
        for radius in (2, 3, 5, 8, 14, 25, 60):
            yield f"radius {radius}", start(seed, room_for(radius, 4), radius=radius)
        for shape in ((8, 8), (10, 12), (14, 12), (16, 16)):
            yield "detectors of 8 to 16 pixels", start(seed, shape, radius=2.4)
        for radius in (4, 9, 20):
            for name, options in SHAPES.items():
                yield name, start(seed, room_for(radius), radius=radius, **options)
            for name, kind in CLUTTER.items():
                yield name, kind(start(seed, room_for(radius), radius=radius))
        for share in (0.1, 0.3, 0.5, 0.8, 1.0):
            for angles in (2, 4, 6):
                beam = start(seed, room_for(6, 6), radius=6)
                yield f"reflections of {100 * share:.0f} %", reflections(share, angles)(beam)
        for distance in (1.3, 1.6):
            beam = start(seed, room_for(10), radius=10)
            yield "overlapping discs", reflections(0.4, 6, distance)(beam)


def hard_cases(seeds: int) -> Iterator[tuple[str, Beam]]:
    for seed in range(seeds):
        for radius in (8, 20):
            shape = room_for(radius)
            beam = start(seed, shape, radius=radius)
            yield "masked beam stop", masked_stop(beam)
            for inside in (0.3, 0.7):
                edge = start(seed, shape, (shape[0] / 2, inside * radius), radius=radius)
                yield "cut by one side", replace(edge, clean=False)
                corner = (inside * radius, shape[1] - 1 - radius / 2)
                yield (
                    "cut by two sides",
                    replace(start(seed, shape, corner, radius=radius), clean=False),
                )
            for number in (10, 100, 1e3, 1e4, 1e6):
                yield f"{number:.0e} counts", counts(number)(beam)


def beams_that_are_not_there(seeds: int) -> Iterator[tuple[str, Beam]]:
    for seed in range(seeds):
        beam = start(seed, (96, 100))
        rng = beam.rng
        noise = rng.poisson(rng.choice([0.05, 1, 30, 1000]), beam.shape).astype(float)
        yield "noise", replace(beam, pattern=noise, center=None)
        signed = rng.normal(0, 1, beam.shape)
        yield "signed noise", replace(beam, pattern=signed, center=None)
        filled = start(seed, (40, 44), radius=70)
        yield "a disc beyond the detector", replace(filled, center=None)
        small = start(seed, radius=6)
        yield "behind a stop", covering_stop(reflections(0.5, 6)(small))
        yield "behind a stop, with a halo", covering_stop(lorentzian(reflections(0.3, 6)(small)))
        yield "behind a stop, halo only", covering_stop(lorentzian(small))
        yield "beside the detector", dark_field(seed)


def dark_field(seed: int) -> Beam:
    """A lattice of reflections; their direct beam falls beside the detector."""
    beam = replace(start(seed, center=(-40.0, 70.0), radius=6), pattern=np.ones((128, 128)))
    along = 24 * np.array([np.sin(seed), np.cos(seed)])
    across = 24 * np.array([np.cos(seed), -np.sin(seed)])
    for i in range(-9, 10):
        for j in range(-9, 10):
            at = np.array([-40.0, 70.0]) + i * along + j * across
            if (i or j) and (at > -10).all() and (at < 138).all():
                beam = beam.plus(100 * beam.rng.uniform(0.1, 1) * beam.disc(tuple(at)))
    return replace(beam, center=None)


def drawn_cases(number: int, seed: int) -> Iterator[tuple[str, Beam]]:
    """Two kinds at once, of any size and shape."""
    rng = np.random.default_rng(seed)
    clutter: dict[str, Kind] = {
        **CLUTTER,
        "reflections": lambda beam: reflections(
            beam.rng.uniform(0.1, 1), int(beam.rng.choice([2, 4, 6, 8])), beam.rng.uniform(2.2, 4)
        )(beam),
        "masked beam stop": masked_stop,
        "1e3 counts": counts(1e3),
        "1e4 counts": counts(1e4),
        "1e6 counts": counts(1e6),
    }
    names = list(clutter)
    while number:
        radius = float(np.exp(rng.uniform(np.log(2), np.log(45))))
        form = str(rng.choice(["plain", *SHAPES]))
        if form == "annular":
            radius = max(radius, 4.0)  # px: a thinner ring is not resolved
        options = {**SHAPES.get(form, {})}
        if "soft" in options:
            options["soft"] = max(0.4, 0.12 * radius)
        pair = [str(name) for name in rng.choice(names, 2, replace=False)]
        pair.sort(key=lambda name: (clutter[name] in LAST, "counts" in name, "hot" in name))
        shape = room_for(radius, rng.uniform(2.5, 7))
        beam = start(int(rng.integers(10**9)), shape, radius=radius, **options)
        for name in pair:
            beam = clutter[name](beam)
        number -= 1
        yield " + ".join([form, *pair]), beam


def test_beams_of_clean_kinds_are_found_to_half_a_pixel():
    found = table("one kind at a time", plain_cases(1))

    for name, one in found.items():
        assert one["right"] == one.total(), (name, one)


def test_hard_beams_are_found_or_said_not_to_be_sure():
    found = table("hard kinds", hard_cases(1))

    assert found["all"]["wrong"] == 0
    for name in ("1e+04 counts", "1e+06 counts", "cut by one side"):
        assert found[name]["right"] == found[name].total()
    assert found["1e+01 counts"]["unsure"] == found["1e+01 counts"].total()


def test_a_beam_that_is_not_there_is_not_made_up():
    found = table("no direct beam", beams_that_are_not_there(2))

    for name, one in found.items():
        assert one["unsure"] == one.total(), (name, one)


@pytest.mark.parametrize(
    ("number", "seed"), [(30, 0), pytest.param(400, 1, marks=pytest.mark.slow)]
)
def test_kinds_that_come_together_are_never_silently_wrong(number, seed):
    found = table("two kinds at once", drawn_cases(number, seed))

    assert found["all"]["wrong"] == 0
    assert found["all"]["right"] > LEAST_RIGHT * number


def test_four_weak_beams_on_a_halo_are_not_the_direct_beam():
    y, x = np.mgrid[:128, :128]

    def disc(cy, cx):
        return np.hypot(y - cy, x - cx) < 5

    weak = disc(46, 64) | disc(82, 64) | disc(64, 46) | disc(64, 82)
    halo = 4 * np.exp(-((y - 64) ** 2 + (x - 64) ** 2) / 1250)
    pattern = 100 * disc(64, 64) + 20 * weak + halo

    found = find_disc(pattern)
    bright_field = sw.virtual_image(np.broadcast_to(pattern, (2, 2, 128, 128)), "BF")

    assert found.sure
    np.testing.assert_allclose(found.center, (64, 64), atol=0.2)
    assert found.radius == pytest.approx(5, abs=0.5)
    assert bright_field.data[0, 0] == pytest.approx(pattern[disc(64, 64)].sum(), rel=0.2)


@pytest.mark.parametrize("file", [MERLIN_DISC, BLOCKFILE, TOPSPIN], ids=lambda file: file.name)
def test_the_direct_beam_of_a_real_file_is_found(file):
    signal = sw.load(file.path)
    disc = find_disc(np.asarray(signal.data, dtype=float).mean(axis=(0, 1)))

    assert disc.sure, disc.doubt
    center, radius, tolerance = file.center, file.radius, file.tolerance
    np.testing.assert_allclose(disc.center, center, atol=tolerance)
    assert disc.radius == pytest.approx(radius, abs=tolerance)
    assert disc.cut == (file is MERLIN_DISC)


def test_a_real_file_without_a_beam_has_no_disc():
    signal = sw.load(MERLIN_HOT_PIXEL.path)
    disc = find_disc(np.asarray(signal.data, dtype=float).mean(axis=(0, 1)))

    assert not disc.sure
    assert "no edge" in disc.doubt
    with pytest.raises(sw.InputError, match=r"disc=\(\(ky, kx\), radius\)"):
        sw.virtual_image(signal, "BF")
