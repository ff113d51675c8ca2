"""However large or small a scan is, its training has a length, an end and right maps, or words."""

import math
import re
from itertools import pairwise

import dask.array as da
import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.cli import main
from stemwidgets.rrvae.common.records import Progress
from stemwidgets.rrvae.harmonic import em_on_grid
from stemwidgets.state.learning.history import with_loss

WRONG_WORDS = re.compile(r"ZeroDivision|Traceback|unexpected|\bnan\b|\binf\b|of 0\b(?! patt|\.)")
PIXELS = 16


def turned(shape, kinds=1, dose=300.0, noise=True, seed=0):
    """Scan ``[iy, ix, ky, kx]`` of a disc whose gradient turns, and the angles ``[iy, ix]``.

    Of several kinds, odd ones have a steeper gradient, higher ones more that is twofold; of
    ``"continuous"`` ones both vary.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:PIXELS, :PIXELS] - (PIXELS - 1) / 2
    disc = 1 / (1 + np.exp((np.hypot(y, x) - 4.5) / 0.8))
    angle = 2 * np.pi * (np.arange(shape[0])[:, None] / 7.3 + np.arange(shape[1]) / 9.1)
    if kinds == "continuous":
        of = rng.uniform(0.3, 1, shape)
        steep, twofold = of, 0.8 * (1 - of)
    else:
        kind = rng.integers(0, kinds, shape)
        steep = np.where(kind % 2 == 0, 1.0, 0.6)
        twofold = 0.2 * (kind // 2)
    scan = np.empty((*shape, PIXELS, PIXELS), np.uint8 if dose < 1000 else np.float32)
    for row in range(shape[0]):
        cos, sin, s, t = (
            value[row][:, None, None] for value in (np.cos(angle), np.sin(angle), steep, twofold)
        )
        along, across = cos * x + sin * y, cos * y - sin * x
        pattern = disc * np.clip(
            1 + s * along * 1.5 / 16 + t * (along**2 - across**2) / 50, 0, None
        )
        pattern *= dose / pattern.sum((1, 2), keepdims=True)
        scan[row] = rng.poisson(pattern) if noise else pattern
    return scan, angle


def error(found, angle):
    """Median error [degrees] of angles known up to one offset."""
    apart = np.exp(1j * (found - angle)[np.isfinite(found)])
    return np.degrees(np.median(np.abs(np.angle(apart / apart.mean()))))


def on_the_page(scan, options):
    """What the page makes of a scan: status, all that it said, and the maps."""
    page = sw.rrvae_dashboard(scan)
    train, session = page.parts["train"].parts, page.session
    said, bars = [], []
    train["status"].observe(lambda change: said.append(change.new), "value")
    train["progress"].observe(lambda change: bars.append(change.new), "value")
    for name, value in options.items():
        train[name].value = value
    train["train"].click()
    while session.training.active:
        try:
            session.training.wait(1500)
        except sw.InputError:
            break
    session.wait(1500)
    said += [train["status"].value, train["problem"].value, page.parts["loss"].raster.message]
    said += [session.as_code(), page.parts["readout"].parts["table"].value.replace("nan", "")]
    progress, encoding = session.training.progress, session.learned.encoding
    wrong = [text for text in said if WRONG_WORDS.search(text)]
    wrong += [f"bar at {bar}" for bar in bars if not 0 <= bar <= 1]
    if progress is not None:
        wrong += [] if 1 <= progress.epoch == progress.epochs else [f"{progress}"]
        wrong += [] if progress.share_done == 1 == train["progress"].value else ["not at its end"]
    problem, status = train["problem"].value, session.training.status
    page.close()
    return status, wrong, problem, encoding


def judged(scan, angle, options=None):
    """``"right"``, ``"refused"`` with words, or what is wrong."""
    options = options or {}
    status, wrong, problem, encoding = on_the_page(scan, options)
    if wrong:
        return f"wrong: {wrong[0]}"
    if status == "failed":
        return "refused" if "Expected" in problem and " got " in problem else f"wrong: {problem}"
    if status != "finished":
        return f"wrong: {status}"
    if options.get("kind", "harmonic") != "harmonic":
        return "right"  # one or two epochs are too few for the networks to learn an angle
    off, com = error(encoding.angle, angle), error(sw.center_of_mass(scan).angle.data, angle)
    scatter = 2 / math.sqrt(angle.size)  # of a median of as many errors, over it
    return (
        "right"
        if off < max((1.05 + scatter) * com, 1.0)
        else f"wrong: {off:.2f}°, by the COM {com:.2f}°"
    )


def table(cases):
    """Print and count what came of the cases ``{name: outcome}``."""
    wrong = {name: outcome for name, outcome in cases.items() if outcome.startswith("wrong")}
    count = {word: list(cases.values()).count(word) for word in ("right", "refused")}
    print(
        f"\ntried {len(cases)}, right {count['right']}, refused in words {count['refused']}, ",
        end="",
    )
    print(f"wrong {len(wrong)}", *wrong.items(), sep="\n")
    assert not wrong
    return count


def test_less_than_one_pass_over_the_data_is_an_epoch(monkeypatch):
    monkeypatch.setattr(em_on_grid, "BATCH", 16)
    scan, angle = turned((40, 41))
    assert judged(scan, angle) == "right"
    progress = list(sw.RRVAE().steps(scan, maps=False))
    assert 0.5 < progress[-1].passes < 1
    assert {step.epoch for step in progress[:-1]} == {0}
    assert (progress[-1].epoch, progress[-1].epochs) == (1, 1)
    assert all(step.epochs >= 1 and 0 < step.share_done <= 1 for step in progress)
    assert all(before.share_done < after.share_done for before, after in pairwise(progress))
    assert all(step.remaining >= 0 for step in progress)
    half_way = progress[len(progress) // 2]
    assert 0.2 < half_way.share_done < 0.6  # not that of the three passes that there could be


def test_the_loss_of_less_than_one_pass_is_a_curve(monkeypatch):
    monkeypatch.setattr(em_on_grid, "BATCH", 16)
    page = sw.rrvae_dashboard(turned((40, 41))[0])
    page.session.training.start()
    page.session.training.wait(60)
    line = page.parts["loss"].parts["line"]
    assert line.visible
    assert len(line.x) > 20
    assert 0.5 < line.x[-1] < 1
    assert (np.diff(line.x) > 0).all()
    assert math.isfinite(page.session.training.rate)
    page.close()


def test_trainings_of_many_kinds_of_scans_end_well():
    cases = {}
    for kinds, noise in ((1, False), (2, True), ("continuous", True)):
        scan, angle = turned((20, 21), kinds, 300 if noise else 1e5, noise)
        cases[kinds, "noisy" if noise else "noise-free"] = judged(scan, angle)
    lazy, angle = turned((20, 21))
    cases["lazy"] = judged(da.from_array(lazy, chunks=(7, 8, PIXELS, PIXELS)), angle)
    assert table(cases) == {"right": len(cases), "refused": 0}


@pytest.mark.parametrize("kind", ["harmonic", "paper", "vae"])
def test_trainings_of_small_odd_scans_end_well_or_are_refused_in_words(kind):
    options = {"kind": kind, **({} if kind == "harmonic" else {"epochs": 1})}
    few = {f"{iy}×{ix}": turned((iy, ix)) for iy, ix in ((1, 1), (1, 2), (2, 2), (2, 4))}
    some = {f"{iy}×{ix}": turned((iy, ix)) for iy, ix in ((1, 40), (40, 1), (4, 5))}
    scan, angle = turned((6, 7))
    alike, nothing = np.empty_like(scan), np.zeros_like(scan)
    alike[...] = scan[0, 0]
    few |= {"all alike": (alike, angle), "empty": (nothing, angle), "even": (nothing + 1, angle)}
    sparse = np.where(np.arange(7)[:, None, None] == 3, scan, 0)
    few["nearly all empty"] = sparse, angle
    some["huge counts"] = turned((6, 7), dose=1e12)
    some["saturated"] = np.minimum(turned((6, 7), dose=1e5)[0], 1500), angle
    outcomes = {name: judged(*case, options) for name, case in (few | some).items()}
    assert table(outcomes) == {"right": len(some), "refused": len(few)}


def test_one_step_is_no_curve_but_has_a_loss():
    page = sw.rrvae_dashboard(turned((4, 5))[0])
    page.session.training.start(kind="vae", epochs=1)
    page.session.training.wait(60)
    assert re.fullmatch(r"one step, loss \d+(\.\d+)?", page.parts["loss"].raster.message)
    page.close()


def test_seeds_of_less_than_one_pass_are_told_in_shares(monkeypatch):
    monkeypatch.setattr(em_on_grid, "BATCH", 8)
    session = sw.Session(turned((30, 31))[0])
    shares = []
    session.seeds.observe(lambda change: shares.append(change.new), "share")
    session.seeds.start(2)
    session.seeds.wait(60)
    assert shares[-1] == 1
    assert all(0 <= share <= 1 for share in shares)
    assert all(len(one.history) > 20 for one in session.seeds.trained)
    session.close()


def test_a_history_has_a_point_for_each_epoch_and_more_of_the_first():
    def history(epochs, steps):
        points = ()
        for step in range(1, steps + 1):
            done = epochs * step / steps
            progress = Progress(int(done), epochs, 1 / step, 0.0, 0.0, 0.0, 0.0, passes=done)
            points = with_loss(points, progress)
        return points

    assert [passes for passes, _ in history(1000, 1000)] == list(range(1, 1001))
    assert len(history(1, 80)) == 80
    assert 100 < len(history(1, 10_000)) < 1000
    assert history(1, 10_000)[-1] == (1.0, 1e-4)
    late = np.array(history(1000, 3000))[:, 0]
    assert np.diff(late[late > 200]).max() <= 4 / 3


@pytest.mark.parametrize(
    ("progress", "share", "passes"),
    [
        (Progress(0, 0, math.nan, math.nan, math.nan, 0.1, 0.2, read=0.3), 0.0, 0),
        (Progress(3, 4, 1.0, 1.0, 0.0, 0.1, 0.2), 0.75, 3),
        (Progress(0, 7, 1.0, 1.0, 0.0, 0.1, 0.2, fraction=0.1, passes=0.4), 0.1, 0.4),
    ],
)
def test_the_share_done_is_known_at_every_moment(progress, share, passes):
    assert progress.share_done == share
    assert progress.passes_done == passes


def in_the_shell(scan, tmp_path, capsys, *options):
    """What ``stemwidgets fit`` says on both streams, after checking that it ended well."""
    np.save(tmp_path / "scan.npy", scan)
    words = ["fit", str(tmp_path / "scan.npy"), "--model", str(tmp_path / "model.rrvae")]
    code = main([*words, "--overwrite", *options])
    said = "".join(capsys.readouterr())
    assert not WRONG_WORDS.search(said), said
    return code, said


@pytest.mark.parametrize("kind", ["harmonic", "vae"])
def test_the_shell_counts_at_least_one_epoch(kind, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(em_on_grid, "BATCH", 8)
    options = ("--kind", kind, *(() if kind == "harmonic" else ("--epochs", "1")))
    code, said = in_the_shell(turned((30, 31))[0], tmp_path, capsys, *options)
    assert code == 0
    assert "trained 1 epoch in" in said


def test_the_shell_refuses_few_patterns_in_one_line(tmp_path, capsys):
    for shape in ((1, 1), (1, 2), (2, 2), (2, 4)):
        code, said = in_the_shell(turned(shape)[0], tmp_path, capsys)
        assert code == 2
        assert len(said.splitlines()[1:]) == 1
        assert f"at least 16 patterns with counts to learn from, got {math.prod(shape)}" in said


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("size", [64, 256])
def test_trainings_of_large_scans_end_well_on_the_page(size):
    cases = {}
    for kinds in (1, 2, 8, "continuous") if size == 64 else (1, 8):
        scan, angle = turned((size, size), kinds)
        cases[kinds] = judged(scan, angle)
    scan, angle = turned((size, size))
    cases["lazy"] = judged(da.from_array(scan, chunks=(16, size, PIXELS, PIXELS)), angle)
    cases["vae"] = judged(scan, angle, {"kind": "vae", "epochs": 1})
    clean, angle = turned((size, size), 1, 1e5, noise=False)
    cases["noise-free"] = judged(clean, angle)
    assert table(cases) == {"right": len(cases), "refused": 0}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("size", [64, 256])
def test_trainings_of_large_scans_end_well_in_the_shell(size, tmp_path, capsys):
    for kinds in (1, 8) if size == 64 else (8,):
        code, said = in_the_shell(turned((size, size), kinds)[0], tmp_path, capsys)
        assert code == 0
        assert re.search(r"trained [1-9]\d* epochs? in", said)


def test_patterns_of_one_kind_have_one_latent_code_and_those_of_many_do_not():
    spread = {}
    for kinds in (1, 8):
        scan, _ = turned((64, 64), kinds)
        spread[kinds] = sw.RRVAE().fit(scan).encode(scan).latent.std(axis=(0, 1)).max()
    assert spread[1] < 0.3 < spread[8]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_training_of_a_million_patterns_ends_well_on_the_page():
    scan, angle = turned((100, 1000))
    whole = np.tile(scan, (10, 1, 1, 1)), np.tile(angle, (10, 1))  # noise takes long to draw
    assert table({"1000×1000": judged(*whole)}) == {"right": 1, "refused": 0}
