"""Units, energies and titles as neighbours write them: understood, or told."""

import math

import hyperspy.api as hs
import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.calibration.electrons import energy_in_kev, semi_angle_in_mrad, wavelength
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.fields import electron_speed
from stemwidgets.signals.conversion import signal_to_arrays
from stemwidgets.signals.metadata.title_and_beam import CalibrationNote, beam_energy, title_of
from stemwidgets.signals.metadata.units import detector_axis, read_unit, scan_axis

LENGTHS = {  # in Å
    1: "A Å \N{ANGSTROM SIGN} Ang ang. Angstrom Angstroms angstrom Ångström ångstrom AA [A] \\AA",
    10: "nm nm/px nm/pixel b'nm' nanometer nanometers nanometre [n_m] NANOMETER",
    1e4: "um µm \N{GREEK SMALL LETTER MU}m micron microns micrometer micrometres [µ_m]",
    1e-2: "pm picometer picometres",
    1e7: "mm millimeter",
    1e8: "cm",
    1e10: "m meter metres",
    0.529177210: "bohr",
}
RECIPROCALS = {  # in 1/Å
    1: "1/A;1/Å;A^-1;Å^-1;A-1;Å⁻¹;Å**-1;A^{-1};$A^{-1}$;$\\AA^{-1}$;k_A^-1;k_$\\AA^{-1}$;[A^-1];"
    "1 / Angstrom;angstrom^-1;reciprocal angstrom;inverse Å;per Å;$\\mathrm{\\AA}^{-1}$;k_1/A",
    0.1: "1/nm;1/nm/px;1/nm per pixel;nm^-1;nm-1;nm⁻¹;nm$^{-1}$;"
    "1 / nm;[n_m^-1];k_nm^-1;1/nanometer;per nm;nanometers^-1",
    1e-4: "1/µm;um^-1;1/micron",
    1e-10: "1/m;m^-1",
    0.5 / math.pi: "q_A^-1;q_Å^-1;q_$A^{-1}$;Q_A-1;2π/Å;2pi/A;rad/Å;rad Å^-1;rad/A",
    0.05 / math.pi: "q_nm^-1;q_nm-1;2pi/nm;rad/nm",
}
DEGREE = 1e3 * math.pi / 180
ANGLES = {  # in mrad
    1: "mrad mrads milliradian milliradians",
    1e3: "rad radian radians Angle 2th_rad 2theta_rad 2θ_rad",
    1e-3: "µrad urad microradian",
    DEGREE: "deg degree degrees ° º 2th_deg 2theta_deg",
}
PIXELS = "px pix pixel pixels [pix] Pixels channels"
NONE = ["", "<undefined>", None, "None", "1", "nan", "dimensionless"]
UNKNOWN = "rlu counts s V kg arb.units a.u. au 1/px 1/s Nm furlongs? eV 1/eV mol pc"


def cases():
    for kind, table, between in (
        ("length", LENGTHS, " "),
        ("reciprocal", RECIPROCALS, ";"),
        ("angle", ANGLES, " "),
    ):
        for factor, spellings in table.items():
            for spelling in spellings.split(between):
                yield spelling, kind, factor
    yield from ((spelling, "pixel", 1) for spelling in PIXELS.split())
    yield from ((spelling, "none", 1) for spelling in NONE)
    yield from ((spelling, "unknown", 1) for spelling in UNKNOWN.split())


def test_units_in_every_spelling_are_what_they_are():
    wrong = []
    tried = list(cases())
    for spelling, kind, factor in tried:
        found = read_unit(spelling)
        if found.kind != kind or not math.isclose(found.factor, factor, rel_tol=1e-6):
            wrong.append((spelling, kind, factor, found))
    refused = sum(kind == "unknown" for _, kind, _ in tried)
    right = len(tried) - refused - len(wrong)
    print(f"\nunits: tried {len(tried)}, right {right}, refused {refused}, wrong {len(wrong)}")
    assert wrong == []


def test_pyxems_q_holds_two_pi():
    assert detector_axis(Axis(9, 1.0, 0.0, "q_A^-1")).scale == pytest.approx(1 / (2 * math.pi))


@pytest.mark.parametrize(("units", "scale"), [("2th_deg", 0.01), ("2th_rad", 1.7453293e-4)])
def test_a_scattering_angle_becomes_a_spatial_frequency(units, scale):
    axis = detector_axis(Axis(256, scale, -128 * scale, units), 200)
    assert axis.units == "1/Å"
    assert axis.scale == pytest.approx(0.01 * math.pi / 180 / wavelength(200), rel=1e-6)


@pytest.mark.parametrize(
    ("make", "axis"),
    [
        (detector_axis, Axis(128, 4.2e16, -2.7e9, "nm")),
        (detector_axis, Axis(144, 0.016, 0.0, "cm")),
        (detector_axis, Axis(128, 0.2, 0.0, "rlu")),
        (detector_axis, Axis(128, 0.2, 0.0, "rad")),  # 25 rad across
        (detector_axis, Axis(128, 4.2e16, 0.0, "1/nm")),
        (detector_axis, Axis(128, 1e-20, 0.0, "mrad")),
        (scan_axis, Axis(5, 2.0, 0.0, "s")),
        (scan_axis, Axis(5, 2.0, 0.0, "1/nm")),
        (scan_axis, Axis(5, 4.2e16, 0.0, "nm")),
        (scan_axis, Axis(5, 1e-9, 0.0, "pm")),
    ],
)
def test_what_cannot_be_is_counted_in_pixels(make, axis):
    assert (make(axis).units, make(axis).scale) == ("px", 1.0)


def scan(units="1/nm", scale=0.1, energy=None, angle=None):
    signal = hs.signals.Signal2D(np.ones((2, 3, 8, 9)))
    for axis in signal.axes_manager.signal_axes:
        axis.units, axis.scale = units, scale
    if energy is not None:
        signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", energy)
    if angle is not None:
        signal.metadata.set_item("Acquisition_instrument.TEM.convergence_angle", angle)
    return signal


def test_a_session_tells_above_its_views_what_it_does_not_use():
    session = sw.Session(scan("rlu", energy=-200))
    try:
        said = " ".join(session.scan.notes)
        assert "detector axes are counted in pixels: 'rlu'" in said
        assert "beam energy in the metadata, '-200', cannot be right" in said
        assert session.scan.beam_energy is None
        page = sw.explore(session)
        assert "counted in pixels" in page.children[0].value
    finally:
        session.close()


ENERGIES = {
    200: [
        200,
        200.0,
        "200 kV",
        "200kV",
        "200 keV",
        "200",
        "200000 V",
        "200,000 V",
        200000,
        "0.2 MV",
    ],
    80: [80, 80000, "80000", "80 kV", b"80 kV", "8e4 V", "80.0 KV", np.float32(80), "80,0 kV"],
    30: [30, 30000, "30 kV"],
    1250: [1250, "1.25 MeV", 1.25e6],
}
IMPOSSIBLE = [
    0,
    -200,
    float("nan"),
    float("inf"),
    0.2,
    1e9,
    "",
    "high",
    "200 mm",
    "-200 kV",
    None,
    [200],
]


def test_beam_energies_are_understood_or_refused():
    wrong, right = [], 0
    for kev, spellings in ENERGIES.items():
        for spelling in spellings:
            found = energy_in_kev(spelling)
            right += math.isclose(found, kev)
            wrong += [] if math.isclose(found, kev) else [(spelling, found)]
    for value in IMPOSSIBLE:
        with pytest.raises(InputError, match=r"beam.energy"):
            energy_in_kev(value)
    tried = right + len(wrong) + len(IMPOSSIBLE)
    print(
        f"\nenergies: tried {tried}, right {right}, refused {len(IMPOSSIBLE)}, wrong {len(wrong)}"
    )
    assert wrong == []


@pytest.mark.parametrize("energy", [200, 200000, "200 kV"])
def test_a_beam_energy_in_the_metadata_is_understood(energy):
    signal = scan("mrad", energy=energy)
    _, axes = signal_to_arrays(signal)
    assert beam_energy(signal) == 200
    assert axes.kx.scale == pytest.approx(1e-4 / wavelength(200))


@pytest.mark.parametrize("energy", [-200, float("nan"), "high", 0.2])
def test_an_impossible_one_is_told_and_not_used(energy):
    signal = scan("mrad", energy=energy)
    with pytest.warns(CalibrationNote, match=r"beam energy.*cannot be right and is not used"):
        _, axes = signal_to_arrays(signal)
    assert beam_energy(signal) is None
    assert axes.kx.units == "mrad"


def test_a_beam_of_80000_kev_is_used_nowhere():
    for use in (wavelength, electron_speed):
        with pytest.raises(InputError, match=r"from 0\.5 to 3000"):
            use(80000)


@pytest.mark.parametrize("value", [30, "30", "30 mrad", "0.03 rad", "30000 µrad"])
def test_semi_angles_are_understood(value):
    assert semi_angle_in_mrad(value) == pytest.approx(30)


def test_a_semi_angle_in_radians_is_refused_with_what_it_would_be():
    with pytest.raises(InputError, match=r"semi-angle \[mrad\].*If this is in rad, pass 30"):
        sw.calibrate(np.ones((8, 8, 9, 9)), semi_angle=0.03)


@pytest.mark.parametrize(
    "title",
    ["", "cb76b58d-7906-423d-b681-3af9587e9e76", "__unnamed__", "datacube", "CBED_array_depth0000"],
)
def test_a_title_without_words_is_the_name_of_the_file(tmp_path, title):
    signal = scan()
    signal.metadata.General.title = title
    signal.save(tmp_path / "night 7.hspy")
    assert title_of(sw.load(tmp_path / "night 7.hspy")) == "night 7"
    assert title_of(hs.load(tmp_path / "night 7.hspy")) == "night 7"
    signal.metadata.General.title = "graphene"
    assert title_of(signal) == "graphene"
