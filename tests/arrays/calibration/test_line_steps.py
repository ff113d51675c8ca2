"""Steps of the beam between lines of a scan: found, fitted with the plane, and no false ones."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

import stemwidgets as sw
from stemwidgets.arrays.calibration.descan import fit_descan
from stemwidgets.arrays.calibration.vacuum import fit_in_vacuum
from stemwidgets.arrays.centring.find import centred_scan, descan_that_matters, require_descan
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.io.records import from_json_values

SHAPE = (64, 48)
Y, X = np.indices(SHAPE)
PLANE = np.stack([0.004 * Y - 0.003 * X, 0.005 * X], axis=-1)


def rows_along_the_scan(spacing, sharpness=2.0, size=0.1, along=0.5):
    """Deflections by rows of atoms along the scan, a number of lines apart."""
    away = (Y + spacing / 2) % spacing - spacing / 2
    near = [away + turn * spacing for turn in range(-3, 4)]
    down = sum(-part * np.exp(-((part / sharpness) ** 2) / 2) for part in near) / sharpness
    atoms = 1 + along * np.cos(2 * np.pi * X / 7)
    across = along * sum(np.exp(-((part / sharpness) ** 2) / 2) for part in near)
    return size * np.stack([down * atoms, across * np.sin(2 * np.pi * X / 7)], axis=-1)


def noise(dose, seed=0):
    """That of a disc with a radius of 13 px."""
    return 6.5 / np.sqrt(dose) * np.random.default_rng(seed).normal(size=(*SHAPE, 2))


def stepped(line, jump):
    return (line <= Y)[..., None] * np.asarray(jump)


def about_mean(beam):
    return beam - beam.mean(axis=(0, 1))


@pytest.mark.parametrize("line", [8, 31, 50])
@pytest.mark.parametrize("dose", [1e4, 1e6])
def test_a_step_is_found_with_the_plane_at_its_line(line, dose):
    beam = PLANE + stepped(line, (0.3, -0.25))
    com = beam + noise(dose) + rows_along_the_scan(12, size=0.05)

    found = fit_descan(com, None)

    assert found.lines == (line,)
    assert_allclose(found.steps[0][1:], (0.3, -0.25), atol=0.04)
    assert_allclose(found.departure, about_mean(beam), atol=0.04)
    assert f" and jumps by 0.{100 * np.hypot(*found.steps[0][1:]):.0f} px at line {line} " in (
        found.words
    )


def test_two_steps_and_a_beam_that_rests_otherwise():
    beam = stepped(12, (0.4, 0.0)) + stepped(40, (-0.2, 0.3))

    found = fit_descan(beam + noise(1e5), None)

    assert found.lines == (12, 40)
    assert_allclose(found.departure, about_mean(beam), atol=0.01)


@pytest.mark.parametrize("spacing", [5, 10, 17, 40])
@pytest.mark.parametrize("dose", [1e3, 1e4, 1e5, 1e6, 1e7])
def test_rows_of_atoms_along_the_scan_are_no_steps(spacing, dose):
    for sharpness in (1.0, 3.0):
        com = rows_along_the_scan(spacing, sharpness) + PLANE + noise(dose)
        assert fit_descan(com, None).steps == ()


def test_bad_lines_and_an_edge_that_is_crossed_are_no_steps():
    com = noise(1e5) + PLANE
    com[20] += 0.8
    com[40:43] += 0.5
    assert fit_descan(com, None).steps == ()

    edge = com + 0.5 * np.exp(-((Y - 30.5) ** 2) / 8)[..., None]
    assert fit_descan(edge, None).steps == ()


def test_a_step_is_measured_in_a_strip_of_vacuum():
    vacuum = X < 12
    atoms = np.where(vacuum[..., None], 0.0, rows_along_the_scan(9, size=0.5))
    beam = PLANE + stepped(33, (0.1, 0.1))

    found = fit_in_vacuum(beam + atoms + noise(1e5), vacuum)

    assert found.lines == (33,)
    assert_allclose(found.departure, about_mean(beam), atol=5 * found.error)


def test_steps_go_through_json_pixels_and_code():
    found = fit_descan(PLANE + stepped(31, (0.4, 0.0)) + noise(1e6), None)

    assert from_json_values(sw.Descan, json.loads(json.dumps(asdict(found)))) == found
    assert_allclose(found.in_pixels(2, 4).departure, found.departure / (2, 4))
    again = eval(f"sw.{found!r}")
    assert again == found
    for steps in (((0, 0.1, 0.1),), ((64, 0.1, 0.1),), ((9, 0.1, 0.1), (5, 0.1, 0.1))):
        with pytest.raises(InputError, match="steps"):
            require_descan(replace(found, steps=steps), SHAPE)


def test_patterns_after_a_step_lie_where_those_before_it_do():
    still, jumping = (
        sw.samples.experiment(dose=3e4, camera=sw.Camera(jump=jump)) for jump in (0.0, 1.5)
    )
    truth = jumping.original_metadata.truth.descan
    beam = about_mean(np.stack([truth.y, truth.x], axis=-1))

    found = centred_scan(jumping.data, faulty=None)

    assert descan_that_matters(sw.center_of_mass(still).positions) is None
    assert len(found.frame.descan.steps) == 1
    assert_allclose(found.frame.descan.departure, beam, atol=0.03)
    calibration = sw.calibrate(jumping, rotation=0)
    assert type(calibration).from_json(calibration.to_json()) == calibration
    assert "step" in str(calibration)
