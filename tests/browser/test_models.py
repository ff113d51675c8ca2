"""Another kind of model than the default, chosen on the dashboard."""

import numpy as np
import pytest
from playwright.sync_api import expect

from browser.desk import Desk


@pytest.mark.parametrize("desk", ["voila"], indirect=True)
def test_a_model_without_angle_fills_the_latent_maps_and_says_that_it_does_not_turn(desk: Desk):
    panel = desk.view("train-panel")
    centre, epochs = panel.get_by_label("centre the patterns"), panel.get_by_label("epochs")
    expect(centre).to_be_hidden()
    panel.get_by_label("model").select_option("VAE without rotation")
    expect(centre).to_be_visible()
    epochs.fill("4")
    epochs.press("Tab")
    blank = desk.look(desk.map("rrVAE latent z1"))
    desk.press("Train")
    expect(panel).to_contain_text("finished, epoch 4 of 4", timeout=60_000)
    expect(desk.page.get_by_text("no angle: the model does not turn")).to_be_visible()
    expect(desk.view("readout-view")).to_contain_text("undefined")
    desk.settle()
    assert np.mean(np.any(desk.look(desk.map("rrVAE latent z1")) != blank, axis=-1)) > 0.9
    red, green, blue = np.moveaxis(desk.look(desk.map("rrVAE angle"))[40:-10, 40:-10], -1, 0)
    assert (red == green).all()
    assert (red == blue).all()


@pytest.mark.parametrize("desk", ["voila"], indirect=True)
def test_a_network_goes_on_when_asked_and_begins_anew_when_trained(desk: Desk):
    panel = desk.view("train-panel")
    panel.get_by_label("model").select_option("VAE without rotation")
    epochs = panel.get_by_label("epochs")
    epochs.fill("3")
    epochs.press("Tab")
    desk.press("Train")
    expect(panel).to_contain_text("finished, epoch 3 of 3", timeout=60_000)
    expect(panel).to_contain_text("Train begins a new model, Continue trains this one further.")
    desk.press("Continue")
    expect(panel).to_contain_text("finished, epoch 6 of 6", timeout=60_000)
    desk.press("Train")
    expect(panel).to_contain_text("finished, epoch 3 of 3", timeout=60_000)
