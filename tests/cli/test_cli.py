"""The command line: what it prints, what it writes, and how it ends."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scans import Sorter

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes
from stemwidgets.cli import main
from stemwidgets.cli.fit import check_outputs, in_words
from stemwidgets.cli.progress import bar
from stemwidgets.rrvae.common.records import Progress


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory):
    """A beam that turns round and round over a scan of 4 × 6: patterns of 20 × 24 counts."""
    path = tmp_path_factory.mktemp("a scan's folder") / "it's a 'scan'; import os.npy"
    ky, kx = np.mgrid[-10:10, -12:12]
    turn = np.linspace(-3, 3, 24).reshape(4, 6, 1, 1)
    disc = 80.0 * (ky**2 + kx**2 < 50)
    mean = disc * (1 + np.cos(turn) * kx / 14 + np.sin(turn) * ky / 14)
    np.save(path, np.random.default_rng(0).poisson(mean).astype(np.uint16))
    return path


def complaint(capsys) -> str:
    """What was said on stderr, which must be one line."""
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("stemwidgets: error: ")
    return line


@pytest.mark.parametrize("arguments", [[], ["demo"], ["open"], ["check"], ["fit"]])
def test_help_is_there_for_every_command(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--help"])
    assert end.value.code == 0
    assert "usage: stemwidgets" in capsys.readouterr().out


def test_help_comes_without_loading_the_machinery():
    code = (
        "import sys; from stemwidgets.cli import main\ntry: main(['--help'])\nexcept SystemExit: "
    )
    code += "print([m for m in ('torch', 'hyperspy', 'voila') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_fit_writes_maps_and_model_that_can_be_loaded_again(scan_file, tmp_path, capsys):
    maps_path, model_path = tmp_path / "maps.zspy", tmp_path / "turns.rrvae"
    assert main(["fit", str(scan_file), "--out", str(maps_path), "--model", str(model_path)]) == 0
    summary = capsys.readouterr().out
    assert "scan 4×6, patterns 20×24 pixels" in summary
    assert "angle against COM angle" in summary
    maps = sw.Maps.load(maps_path)
    assert maps.angle.data.shape == (4, 6)
    again = sw.RRVAE.load(model_path).encode(sw.load(scan_file))
    assert_allclose(np.exp(1j * again.angle.data), np.exp(1j * maps.angle.data), atol=1e-4)


def test_fit_tells_symmetry_and_how_sure_the_angle_is(scan_file, tmp_path, capsys):
    assert main(["fit", str(scan_file), "--model", str(tmp_path / "turns.rrvae")]) == 0
    summary = capsys.readouterr().out
    assert re.search(r"^symmetry: .*none (> )?\d+ %", summary, re.MULTILINE)
    assert re.search(
        r"^angle: undefined at \d+ % .*, median standard deviation .*°$", summary, re.M
    )
    assert "classes" not in summary


def test_the_summary_counts_only_patterns_with_counts():
    scan = np.zeros((4, 6, 18, 15))
    maps = sw.Maps.from_encoding(Sorter().encode(scan), Axes.uncalibrated(scan.shape))
    assert in_words(maps) == [
        "the angle is defined modulo 120°",
        "symmetry: round 17 %, 3-fold 83 %",
        "angle: undefined at 17 % of the positions, median standard deviation 5.7°",
        "classes: class 0 26 %, class 1 26 %, class 2 48 %",
        "1 of 24 patterns has no counts",
    ]


def test_fit_follows_the_options_for_the_model(scan_file, tmp_path):
    maps_path = tmp_path / "maps.hspy"
    options = ["--latent-dim", "3", "--seed", "5", "--device", "cpu"]
    assert main(["fit", str(scan_file), "--out", str(maps_path), *options]) == 0
    assert sw.Maps.load(maps_path).latent.data.shape == (3, 4, 6)


def test_fit_reads_neighbours_unless_told_otherwise(tmp_path, capsys):
    file, model = tmp_path / "scan.hspy", tmp_path / "model.rrvae"
    sw.samples.graphene().save(file)
    words = {}
    for limit in ("auto", "none", "1.2"):
        options = ["--model", str(model), "--overwrite", "--band-limit", limit]
        assert main(["fit", str(file), *options]) == 0
        words[limit] = capsys.readouterr().out
    assert "up to the scan frequency 1.3" in words["auto"]
    assert "angle against band-limited COM angle" in words["auto"]
    assert "with its neighbours" not in words["none"]
    assert "up to the scan frequency 1.2" in words["1.2"]
    assert sw.RRVAE.load(model).limiting.band_limit == 1.2


def test_fit_refuses_other_band_limits(scan_file, capsys):
    with pytest.raises(SystemExit):
        main(["fit", str(scan_file), "--band-limit", "on"])
    assert "expected auto, none or a frequency in 1/Å" in capsys.readouterr().err


def test_fit_leaves_out_what_the_mask_hides(scan_file, tmp_path):
    height, width = np.load(scan_file, mmap_mode="r").shape[2:]
    mask = np.zeros((height, width), dtype=bool)
    mask[:2] = True
    np.save(tmp_path / "mask.npy", mask)
    path = tmp_path / "turns.rrvae"
    options = ["--mask", str(tmp_path / "mask.npy"), "--classes", "2", "--convention", "alike"]
    assert main(["fit", str(scan_file), "--model", str(path), *options]) == 0
    model = sw.RRVAE.load(path)
    assert (model.options.classes, model.options.convention) == (2, "alike")
    assert model.used_pixels.mask[mask].all()


def test_fit_tells_what_is_faulty_on_the_detector(scan_file, tmp_path, capsys):
    scan = np.load(scan_file)
    scan[..., 3, 4] = 4095
    np.save(tmp_path / "hot.npy", scan)

    assert main(["fit", str(tmp_path / "hot.npy"), "--out", str(tmp_path / "maps.zspy")]) == 0

    assert "1 pixel is left out." in capsys.readouterr().out


def test_fit_refuses_a_mask_that_is_none(scan_file, tmp_path, capsys):
    arguments = ["fit", str(scan_file), "--model", str(tmp_path / "turns.rrvae"), "--mask"]
    (tmp_path / "torn.npy").write_bytes(b"torn")
    np.save(tmp_path / "small.npy", np.zeros((2, 3), dtype=bool))
    for name, words in [
        ("none.npy", "there is no mask"),
        ("torn.npy", "cannot be read"),
        ("small.npy", "pattern's shape"),
    ]:
        assert main([*arguments, str(tmp_path / name)]) == 2
        assert words in complaint(capsys)


def test_fit_trains_the_kind_that_is_asked_for(scan_file, tmp_path, capsys):
    path = tmp_path / "turns.rrvae"
    options = ["--kind", "paper", "--centered", "--epochs", "3"]
    assert main(["fit", str(scan_file), "--model", str(path), *options]) == 0
    assert "trained 3 epochs" in capsys.readouterr().out
    model = sw.RRVAE.load(path)
    assert (model.kind, model.options.centered, model.options.epochs) == ("paper", True, 3)


def test_the_summary_of_a_model_without_angle_says_so(scan_file, tmp_path, capsys):
    path = tmp_path / "turns.rrvae"
    arguments = ["fit", str(scan_file), "--model", str(path), "--kind", "vae", "--epochs", "2"]
    assert main(arguments) == 0
    summary = capsys.readouterr().out.splitlines()
    assert "angle against COM angle: no angle: the model does not turn" in summary
    assert "angle: undefined at 100 % of the positions" in summary
    assert not [line for line in summary if line.startswith("symmetry") or "counts" in line]


def test_fit_refuses_epochs_for_the_harmonic_model(scan_file, tmp_path, capsys):
    arguments = ["fit", str(scan_file), "--model", str(tmp_path / "turns.rrvae")]
    assert main([*arguments, "--epochs", "3"]) == 2
    assert "no epochs for kind" in complaint(capsys)


def test_fit_resumes_from_its_checkpoint_to_the_same_model(scan_file, tmp_path, capsys):
    def options(name):
        kind = ["--kind", "vae", "--centered", "--epochs", "60"]
        return ["fit", str(scan_file), "--model", str(tmp_path / name), "--overwrite", *kind]

    assert main(options("whole.rrvae")) == 0
    path = tmp_path / "run.rrvae"
    broken = sw.RRVAE(kind="vae", centered=True, epochs=60)
    steps = broken.steps(sw.load(scan_file), checkpoint=path)
    next(steps)
    steps.close()
    capsys.readouterr()

    arguments = [*options("resumed.rrvae"), "--checkpoint", str(path)]
    assert main([*arguments, "--resume"]) == 0
    assert f"goes on from {path}: <RRVAE kind='vae'" in capsys.readouterr().out
    whole, resumed = (sw.RRVAE.load(tmp_path / f"{name}.rrvae") for name in ("whole", "resumed"))
    patterns = np.load(scan_file)
    np.testing.assert_array_equal(whole.encode(patterns).latent, resumed.encode(patterns).latent)

    again = [each for each in arguments if each != "--overwrite"]
    again[3] = str(tmp_path / "new.rrvae")
    assert main(again) == 2
    assert "pass --resume to go on from it" in complaint(capsys)


def test_ctrl_c_leaves_a_checkpoint_of_that_moment(scan_file, tmp_path):
    path = tmp_path / "run.rrvae"
    code = (
        "import os, signal, sys\n"
        "from stemwidgets.cli import main\n"
        "from stemwidgets.rrvae.paper.training import PaperTraining\n"
        "step, calls = PaperTraining._step, []\n"
        "def interrupted(self, rows):\n"
        "    calls.append(0)\n"
        "    if len(calls) == 400: os.kill(os.getpid(), signal.SIGINT)\n"
        "    return step(self, rows)\n"
        "PaperTraining._step = interrupted\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    options = ["--kind", "vae", "--centered", "--epochs", "5000", "--checkpoint", str(path)]
    done = subprocess.run(
        [sys.executable, "-c", code, "fit", str(scan_file), "--out", "maps.zspy", *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 130, done.stderr
    assert "run.rrvae is up to date: --resume goes on from it" in done.stderr
    assert done.stderr.splitlines()[-1] == "stemwidgets: interrupted"
    assert list(tmp_path.iterdir()) == [path]
    steps = next(sw.RRVAE.resume(path).steps(sw.load(scan_file)))
    assert 400 // 2 <= steps.epoch < 5000


def test_fit_resumes_where_there_is_no_checkpoint_yet_by_starting(scan_file, tmp_path, capsys):
    path = tmp_path / "run.rrvae"
    options = ["--kind", "paper", "--epochs", "1", "--checkpoint", str(path), "--resume"]
    assert main(["fit", str(scan_file), "--model", str(tmp_path / "new.rrvae"), *options]) == 0
    assert "goes on from" not in capsys.readouterr().out
    assert sw.RRVAE.resume(path).resumable


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--resume"], "pass --checkpoint FILE"),
        (["--checkpoint", "new.rrvae"], "a file of its own"),
        (["--checkpoint", "no/such/folder/run.rrvae"], "no folder"),
    ],
)
def test_fit_refuses_checkpoints_before_it_reads_anything(options, words, capsys):
    assert main(["fit", "not-even-looked-for.hspy", "--model", "new.rrvae", *options]) == 2
    assert words in complaint(capsys)


def test_fit_folds_a_sequence_of_patterns_into_a_scan(scan_file, tmp_path, capsys):
    sequence = tmp_path / "sequence.npy"
    np.save(sequence, np.load(scan_file).reshape(24, 20, 24))
    arguments = ["fit", str(sequence), "--model", str(tmp_path / "turns.rrvae")]
    assert main(arguments) == 2
    assert "--scan-shape 4 6" in complaint(capsys)
    assert main([*arguments, "--scan-shape", "4", "6"]) == 0


def test_check_prints_what_is_found_and_ends_with_0(scan_file, capsys):
    assert main(["check", str(scan_file), "--beam-energy", "60 kV"]) == 0
    shown = capsys.readouterr()
    assert "4 × 6 = 24 patterns of 20 × 24 pixels" in shown.out
    assert "60 kV" in shown.out
    assert shown.err == ""


def test_check_asks_for_the_scan_of_a_sequence(scan_file, tmp_path, capsys):
    frames = tmp_path / "frames.npy"
    np.save(frames, np.load(scan_file).reshape(24, 20, 24))
    assert main(["check", str(frames)]) == 2
    assert "--scan-shape" in complaint(capsys)
    assert main(["check", str(frames), "--scan-shape", "4", "6", "--lazy"]) == 0
    assert "4 × 6 = 24 patterns" in capsys.readouterr().out


def test_check_refuses_what_no_microscope_has(scan_file, capsys):
    assert main(["check", str(scan_file), "--beam-energy", "some kV"]) == 2
    assert "beam energy" in complaint(capsys)


def test_fit_keeps_what_exists_unless_told_otherwise(scan_file, tmp_path, capsys):
    maps_path = tmp_path / "maps.hspy"
    maps_path.write_text("precious")
    arguments = ["fit", str(scan_file), "--out", str(maps_path)]
    assert main(arguments) == 2
    assert "--overwrite" in complaint(capsys)
    assert maps_path.read_text() == "precious"
    assert main([*arguments, "--overwrite"]) == 0
    assert sw.Maps.load(maps_path).angle.data.shape == (4, 6)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ([], "nothing to write"),
        (["--out", "maps.tif"], r"\.zspy or \.hspy"),
        (["--out", "no/such/folder/maps.zspy"], "no folder"),
    ],
)
def test_fit_refuses_outputs_before_it_reads_anything(out, words, capsys):
    assert main(["fit", "not-even-looked-for.hspy", *out]) == 2
    assert re.search(words, complaint(capsys))


def test_a_good_destination_is_accepted(tmp_path):
    check_outputs(tmp_path / "scan.mib", tmp_path / "maps.zspy", None, overwrite=False)


@pytest.mark.parametrize("command", [["open"], ["check"], ["fit", "--model", "new.rrvae"]])
def test_a_missing_file_is_one_line_on_stderr(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*command, "graphen.hspy"]) == 2
    assert "no file" in complaint(capsys)


def test_a_damaged_file_is_one_line_on_stderr(tmp_path, capsys):
    path = tmp_path / "scan.hspy"
    path.write_bytes(b"\x89HDF\r\n\x1a\n and then nothing")
    assert main(["fit", str(path), "--model", str(tmp_path / "new.rrvae")]) == 2
    assert "scan.hspy" in complaint(capsys)


def test_a_bad_option_for_the_model_is_one_line_on_stderr(scan_file, tmp_path, capsys):
    model = str(tmp_path / "new.rrvae")
    assert main(["fit", str(scan_file), "--model", model, "--latent-dim", "0"]) == 2
    assert "latent_dim" in complaint(capsys)


def test_debug_shows_the_traceback(tmp_path, capsys):
    assert main(["open", str(tmp_path / "none.hspy"), "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch, capsys):
    monkeypatch.setattr("stemwidgets.cli.serve.find_spec", lambda name: None)
    assert main(["demo"]) == 2
    assert 'python -m pip install "stemwidgets[app]"' in complaint(capsys)


def test_the_bar_fills_from_left_to_right():
    begun = Progress(0, 40, 12.5, 12.0, 0.5, 0.0, 8.0)
    half = Progress(20, 40, 7.5, 7.0, 0.5, 4.0, 4.0)
    done = Progress(40, 40, 5.5, 5.0, 0.5, 8.0, 0.0)
    assert [bar(moment).count("#") for moment in (begun, half, done)] == [0, 15, 30]
    assert "50%" in bar(half)
    assert "4 s left" in bar(half)


def write(path, counts):
    """Write a square scan in the format of the suffix."""
    if path.suffix == ".npy":
        np.save(path, counts)
    elif path.suffix == ".ndata1":
        np.save(path.with_suffix(".npy"), counts)
        metadata = {
            "collection_dimension_count": 2,
            "datum_dimension_count": 2,
            "spatial_calibrations": [{"scale": 0.1, "offset": 0.0, "units": "nm"}] * 2
            + [{"scale": 0.001, "offset": 0.0, "units": "rad"}] * 2,
        }
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(path.with_suffix(".npy"), "data.npy")
            archive.writestr("metadata.json", json.dumps(metadata))
    else:
        signal = hs.signals.Signal2D(counts)
        for axis, units in zip(signal.axes_manager._axes, ["nm", "nm", "cm", "cm"], strict=True):
            axis.units = units
        signal.save(path)


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        ("hspy", []),
        ("zspy", []),
        ("zspy", ["--lazy"]),
        ("blo", []),
        ("npy", []),
        ("ndata1", []),
        ("ndata1", ["--lazy"]),
    ],
)
def test_every_format_goes_all_the_way_to_maps(suffix, how, scan_file, tmp_path):
    scan, maps_path = tmp_path / f"scan.{suffix}", tmp_path / "maps.zspy"
    write(scan, np.load(scan_file)[..., 2:-2].astype(np.uint8))
    assert main(["fit", str(scan), "--out", str(maps_path), *how]) == 0
    angle = sw.Maps.load(maps_path).angle
    assert angle.data.shape == (4, 6)
    assert np.isfinite(angle.data).all()
