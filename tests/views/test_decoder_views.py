"""Views of what the trained model decodes: one pattern with sliders, and a grid of them."""

import io

import numpy as np
import pytest
from PIL import Image
from scans import AXES, SHAPE, Pacer, Sorter, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession
from stemwidgets.state.learning.decodable import Code
from stemwidgets.views.decoder_view import DecoderView
from stemwidgets.views.manifold_view import ManifoldView


def trained(model=Pacer, **options):
    session = ScanSession(turning_spot(), AXES, make_model=model)
    views = DecoderView(session), ManifoldView(session, cells=5)
    session.training.start(**options)
    session.training.wait(10)
    session.wait(10)
    return session, *views


@pytest.fixture
def desk():
    session, decoder, manifold = trained()
    yield session, decoder, manifold
    session.close()


def picture(figure):
    return np.asarray(Image.open(io.BytesIO(figure.marks[0].image.value)).convert("RGBA"))


def click(figure, x, y):
    glass = figure.marks[-1]
    content = {"event": "element_click", "data": {"click_x": x, "click_y": y}}
    glass._handle_custom_msgs(glass, content)


def test_before_training_the_controls_rest_and_the_figures_say_why():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    decoder, manifold = DecoderView(session), ManifoldView(session)
    assert decoder.raster.message == manifold.raster.message == "press Train"
    assert decoder.parts["angle"].disabled
    assert decoder.parts["here"].disabled
    session.close()


@pytest.mark.parametrize("view", [DecoderView, ManifoldView])
def test_an_unknown_keyword_is_refused(desk, view):
    with pytest.raises(InputError, match="colour_map"):
        view(desk[0], colour_map="jet")


def test_an_even_number_of_cells_is_refused(desk):
    with pytest.raises(InputError, match="cells"):
        ManifoldView(desk[0], cells=4)


def test_there_is_a_slider_over_the_range_of_each_latent(desk):
    sliders = [desk[1].parts[name] for name in ("z1", "z2")]
    np.testing.assert_allclose(
        [(slider.min, slider.max) for slider in sliders], [(0, 3), (0, 5)], atol=0.01
    )
    assert not any(slider.disabled for slider in sliders)


def test_a_slider_decodes_another_pattern(desk):
    session, decoder, _ = desk
    decoder.parts["display"].value = "square root"
    decoder.parts["z1"].value = 2.0
    decoder.parts["angle"].value = 90.0
    session.wait(10)
    assert session.learned.latent_code == Code((2.0, 0.0), np.pi / 2)
    np.testing.assert_allclose(decoder._decoded, 2 + 10 * np.pi / 2, rtol=1e-6)
    assert decoder._decoded.shape == SHAPE[2:]


def test_the_button_takes_the_code_of_the_pattern_at_the_position(desk):
    session, decoder, _ = desk
    session.position = (2, 4)
    assert decoder.parts["z1"].value == 0.0
    decoder.parts["here"].click()
    assert [decoder.parts[name].value for name in ("z1", "z2")] == [2.0, 4.0]
    angle = np.degrees(session.channels["angle"].values[2, 4])
    assert decoder.parts["angle"].value == pytest.approx(angle)


def test_a_code_out_of_range_widens_its_slider(desk):
    session, decoder, _ = desk
    session.learned.latent_code = Code((-7.0, 9.0), 3.0)
    assert session.learned.latent_code == Code((-7.0, 9.0), 3.0)
    assert decoder.parts["z1"].value == -7.0
    assert decoder.parts["z2"].value == 9.0


def test_classes_are_chosen_where_there_are_any(desk):
    assert desk[1].parts["classes"].layout.display == "none"
    session, decoder, _ = trained(Sorter)
    kind = decoder.parts["classes"]
    assert [value for _, value in kind.options] == [0, 1, 2]
    kind.value = 2
    session.wait(10)
    assert session.learned.latent_code.kind == 2
    assert decoder._decoded.min() > 1900
    session.close()


def test_the_grid_runs_to_the_right_with_z1_and_up_with_z2():
    class Two(Pacer):
        def decode(self, latent, angle):
            latent = np.asarray(latent)
            patterns = np.zeros((*latent.shape[:-1], *self.shape[2:]), np.float32)
            patterns[..., :9, :] = latent[..., 0, None, None]
            patterns[..., 9:, :] = latent[..., 1, None, None]
            return patterns

    session, _, manifold = trained(Two)
    painted = picture(manifold.parts["figure"]).astype(int)
    assert painted.shape == (5 * 18, 5 * 15, 4)
    cells = painted.reshape(5, 18, 5, 15, 4)
    orange = cells[..., 0] - cells[..., 2]  # from blue below to orange above the mean
    to_the_right, up = orange[:, 2, :, 7], np.flip(orange[:, 14, :, 7]).T
    for sign in (to_the_right, up):
        np.testing.assert_array_equal(np.sign(sign[:, [0, 1, 3, 4]]), [[-1, -1, 1, 1]] * 5)
    session.close()


def test_the_rings_mark_the_position_and_what_is_decoded(desk):
    session, _, manifold = desk
    session.position = (1, 3)
    ring, code = manifold.parts["ring"], manifold.parts["code"]
    assert (list(ring.x), list(ring.y)) == ([1.0], [3.0])
    assert (list(code.x), list(code.y)) == ([0.0], [0.0])


def test_a_click_on_the_grid_moves_what_is_decoded(desk):
    session, decoder, manifold = desk
    session.learned.latent_code = Code((0.0, 0.0), 0.5)
    click(manifold.parts["figure"], 1.5, 2.5)
    assert session.learned.latent_code == Code((1.5, 2.5), 0.5)
    assert decoder.parts["z2"].value == 2.5


def test_one_latent_variable_gives_one_row():
    session, decoder, manifold = trained(latent_dim=1)
    painted = picture(manifold.parts["figure"]).reshape(5, 18, 5, 15, 4)
    grey = (np.ptp(painted[..., :3].astype(int), axis=-1) == 0).all(axis=(1, 2, 3))
    assert grey.tolist() == [True, True, False, True, True]
    assert len(decoder._sliders.children) == 1
    click(manifold.parts["figure"], 1.5, 0.3)
    assert session.learned.latent_code.latent == (1.5,)
    session.close()


def test_patterns_of_many_pixels_are_binned():
    class Large(Pacer):
        def decode(self, latent, angle):
            return np.zeros((*np.shape(latent)[:-1], 150, 200), np.float32)

    session, _, manifold = trained(Large)
    assert picture(manifold.parts["figure"]).shape == (5 * 37, 5 * 50, 4)
    session.close()


def test_an_earlier_moment_is_not_decoded(desk):
    session, decoder, manifold = desk
    session.learned.earlier_maps = session.training.map_history[0]
    assert decoder.raster.message == manifold.raster.message == "not for an earlier epoch"
    session.learned.earlier_maps = None
    session.wait(10)
    assert decoder.raster.message == manifold.raster.message == ""
