"""A disk that is full, or gone, at the end of the work: results are written where there is room."""

import errno
import shutil
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
from bad_days import refusing, steps
from scans import turning_spot

import stemwidgets as sw
from stemwidgets.arrays.files.disk import UnwrittenError
from stemwidgets.cli import fit, main
from stemwidgets.signals.maps.rrvae_maps import Maps
from stemwidgets.state.background.worker import wait_until
from stemwidgets.views.export_panel import ExportPanel

SIZE = 65536  # bytes of the disk


@contextmanager
def small_disk(folder):
    """A disk of 64 kB that is nearly full; where none can be mounted, one that says so."""
    folder.mkdir()
    mount = shutil.which("mount") or "false"
    options = ["-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    full = refusing(1, errno.ENOSPC)
    if subprocess.run([mount, *options], check=False, capture_output=True).returncode == 0:
        try:
            yield lambda: (folder / "fill").write_bytes(bytes(SIZE - 5 * 4096))
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    else:
        filled = []
        with steps(folder, lambda event: full(event) if filled else None):
            yield lambda: filled.append(True)


@pytest.fixture
def scan_file(tmp_path):
    np.save(tmp_path / "scan.npy", turning_spot())
    return tmp_path / "scan.npy"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder to work in, a home and a folder for temporary files, all of them elsewhere."""
    for name in ("work", "home", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path


def arguments(scan_file, folder, maps="m.zspy"):
    kind = ["--kind", "vae", "--epochs", "2", "--overwrite"]
    outputs = ["--out", str(folder / maps), "--model", str(folder / "m.rrvae")]
    return ["fit", str(scan_file), *outputs, "--checkpoint", str(folder / "run.rrvae"), *kind]


@pytest.mark.parametrize("maps", ["m.zspy", "m.hspy"])
def test_fit_on_a_full_disk_writes_its_results_on_another_one(maps, scan_file, desk, capsys):
    disk, work = desk / "small", desk / "work"
    with small_disk(disk) as fill:
        (disk / "m.rrvae").write_bytes(b"an earlier model")
        fill()
        assert main(arguments(scan_file, disk, maps)) == 0
        told = capsys.readouterr()
        assert (disk / "m.rrvae").read_bytes() == b"an earlier model"
        assert not {"run.rrvae", maps} & {file.name for file in disk.iterdir()}
        for name in ("run.rrvae", "m.rrvae", maps):
            words = f"{name} could not be written: the disk that holds {disk} is full ("
            assert words in told.out + told.err
    assert sorted(file.name for file in work.iterdir()) == sorted(["m.rrvae", maps])
    assert f"wrote {work / maps}" in told.out
    again = sw.RRVAE.load(work / "m.rrvae").encode(turning_spot()).latent
    np.testing.assert_array_equal(Maps.load(work / maps).latent.data[0], again[..., 0])


@pytest.mark.parametrize("where", ["work", "home", "temporary"])
def test_a_folder_that_is_removed_meanwhile_costs_nothing(
    where, scan_file, desk, monkeypatch, capsys
):
    target, train = desk / "target", fit.train
    target.mkdir()
    for name in ("work", "home", "temporary"):
        if name != where:
            (desk / name).rmdir()

    def removing(*given):
        last = train(*given)
        shutil.rmtree(target)
        return last

    monkeypatch.setattr(fit, "train", removing)
    assert main(arguments(scan_file, target)) == 0
    assert {"m.rrvae", "m.zspy"} == {file.name for file in (desk / where).iterdir()}
    assert f"m.rrvae is in {desk / where} instead" in capsys.readouterr().out


def test_a_result_that_no_disk_takes_is_told_and_fit_ends_with_1(
    scan_file, desk, monkeypatch, capsys
):
    disk = desk / "small"
    with small_disk(disk) as fill:
        fill()
        monkeypatch.setenv("HOME", str(disk))
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        monkeypatch.chdir(disk)
        assert main(arguments(scan_file, disk)) == 1
        monkeypatch.chdir(desk)
    told = capsys.readouterr().out
    assert told.count("there is no other place for") == 2
    assert "angle" in told  # the summary


def test_an_export_that_finds_no_room_can_be_repeated_elsewhere(tmp_path):
    session = sw.Session(turning_spot())
    session.wait(60)
    panel = ExportPanel(session, str(tmp_path / "small" / "spot"))
    with small_disk(tmp_path / "small") as fill:
        fill()
        for button in ("export", "page"):
            panel.parts[button].click()
            wait_until(lambda: not panel.parts["export"].disabled, session.mailbox, 60)
            words = panel.parts["status"].value
            assert f"the disk that holds {tmp_path / 'small'} is full (" in words
            assert "Nothing is lost: type another folder above" in words
        with pytest.raises(UnwrittenError, match="is full"):
            session.export(tmp_path / "small" / "spot")
        assert [file.name for file in (tmp_path / "small").iterdir()] in ([], ["fill"])
    panel.parts["folder"].value = str(tmp_path / "spot")
    panel.parts["export"].click()
    wait_until(lambda: not panel.parts["export"].disabled, session.mailbox, 60)
    assert (tmp_path / "spot" / "README.txt").is_file()
    session.close()


def test_a_disk_that_fills_while_maps_are_read_ends_in_words_not_in_a_signal(tmp_path):
    model = sw.RRVAE(kind="vae", epochs=1).fit(turning_spot())
    large = np.tile(turning_spot(), (20, 10, 1, 1))
    with small_disk(tmp_path / "small") as fill:
        fill()
        with pytest.raises(UnwrittenError, match=r"m\.zspy could not be written: .* is full"):
            model.encode(large, tmp_path / "small" / "m.zspy")
        assert [file.name for file in (tmp_path / "small").iterdir()] in ([], ["fill"])
