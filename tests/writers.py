"""All that write files, each with an old and a new content that can be told apart."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from bad_days import Writer
from scans import AXES, Sorter, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.files import atomic
from stemwidgets.arrays.files.left_overs import recover
from stemwidgets.export import html_page as page
from stemwidgets.export.results import Results
from stemwidgets.persistence import files, session_file
from stemwidgets.rrvae import model_file
from stemwidgets.signals.conversion import arrays_to_signal

WHICH = ("old", "new")
SCAN = turning_spot()


def _maps(which):
    encoding = Sorter().encode(SCAN)
    residual = np.full(SCAN.shape[:2], float(which == "new"), np.float32)
    return sw.Maps.from_encoding(replace(encoding, residual=residual), AXES, which)


def _maps_writer(suffix):
    def read(folder):
        path = folder / f"m{suffix}"
        maps = sw.Maps.load(path)
        title = maps.angle.metadata.General.title.split(":")[0]
        np.testing.assert_array_equal(maps.residual.data, _maps(title).residual.data)
        return title

    return Writer(
        lambda folder, which: _maps(which).save(folder / f"m{suffix}", overwrite=True), read
    )


def _rechunk(folder, which):
    source = folder.parent / f"{which}.npy"
    if not source.exists():
        np.save(source, SCAN + (which == "new"))
    sw.rechunk(source, folder / "fast.zspy", overwrite=True, progress=lambda _: None)


def _rechunked(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = sw.load(folder / "fast.zspy").data
    return _which(data, SCAN, SCAN + 1)


def _which(data, old, new):
    for which, expected in (("old", old), ("new", new)):
        if np.array_equal(data, expected):
            return which
    return "neither"


def _model_file(folder, which):
    tensors = {"a": torch.full((1000,), float(which == "new"))}
    model_file.write(folder / "m.rrvae", tensors, {"which": which})


def _read_model_file(folder):
    tensors, record = model_file.read(folder / "m.rrvae")
    assert float(tensors["a"].mean()) == (record["which"] == "new")
    return record["which"]


class Sessions:
    """One session on a file, with two models and choices; made once."""

    def __init__(self, folder: Path) -> None:
        arrays_to_signal(SCAN, AXES, "spot").save(folder / "scan.hspy")
        self.session = sw.Session(folder / "scan.hspy")
        self.session.wait(60)
        self.models, self.encodings, self.taken = {}, {}, {}
        for seed, which in enumerate(WHICH):
            model = sw.RRVAE(kind="vae", epochs=1, seed=seed).fit(self.session.scan.data)
            self.models[which], self.encodings[which] = model, model.encode(SCAN)
            self.session.learned.adopt(model, self.encodings[which])
            self.session.position = (1, 1) if which == "old" else (2, 2)
            self.session.wait(60)
            self.taken[which] = self.session.snapshot(), *self.session.taken()

    def latent(self, which):
        return self.encodings[which].latent

    def of_one_map(self, which):
        """What is exported, with one picture, as drawing takes longest."""
        taken = replace(self.taken[which][0])
        vars(taken)["maps"] = {"sum": taken.channels["sum"]}  # what is drawn, else made when asked
        return taken

    def saving(self):
        def read(folder):
            kept = session_file.read(folder / "desk.json")
            which = "old" if tuple(kept.choices["position"]) == (1, 1) else "new"
            np.testing.assert_array_equal(kept.arrays["encoding.latent"], self.latent(which))
            model = sw.RRVAE.load(kept.model_file)
            np.testing.assert_array_equal(model.encode(SCAN).latent, self.latent(which))
            return which

        def save(folder, which):
            session_file.write(*self.taken[which], folder / "desk.json", True)

        return Writer(save, read)

    def encoding(self):
        def save(folder, which):
            signal = arrays_to_signal(SCAN, AXES, "spot")
            self.models[which].encode(signal, folder / "e.zspy", overwrite=True)

        def read(folder):
            z1 = sw.Maps.load(folder / "e.zspy").latent.data[0]
            return _which(z1, *(self.latent(which)[..., 0] for which in WHICH))

        return Writer(save, read)

    def exporting(self):
        def save(folder, which):
            if which == "new":
                Results(self.of_one_map(which)).export(folder / "all")

        def read(folder):
            if not (folder / "all").exists():
                return "old"
            assert (folder / "all" / "README.txt").is_file()
            sw.RRVAE.load(folder / "all" / "model.rrvae")
            sw.Maps.load(folder / "all" / "maps.zspy")
            return "new"

        return Writer(save, read)

    def page(self):
        def save(folder, which):
            if which == "new":
                page.write(self.of_one_map(which), folder / "page")

        def read(folder):
            path = folder / "page.html"
            return "old" if not path.exists() else "new" * path.read_text().endswith("</html>\n")

        return Writer(save, read)


def calibration():
    made = sw.calibrate(sw.samples.graphene())
    return Writer(
        lambda folder, which: replace(made, title=which).save(folder / "c.json", True),
        lambda folder: sw.Calibration.load(folder / "c.json").title,
    )


def cache_arrays():
    return Writer(
        lambda folder, which: files.write_arrays(
            folder / "a.npz", {"a": np.full(5000, which == "new")}
        ),
        lambda folder: WHICH[int(files.read_arrays(folder / "a.npz")["a"].all())],
    )


class Writers:
    """All of them by name, each made when it is asked for, with a folder of what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sessions = folder, None
        self._made = {}

    def __getitem__(self, name):
        if name not in self._made:
            writer = self._made[name] = self._make(name)
            (self.folder / name).mkdir()
            writer.save(self.folder / name, "old")
            assert writer.read(self.folder / name) == "old"
        return self._made[name]

    def _make(self, name):
        if name in OF_A_SESSION:
            self.sessions = self.sessions or Sessions(self.folder)
            return OF_A_SESSION[name](self.sessions)
        return OTHERS[name]()


def folder_writer():
    """A folder of two files, like a small ``.zspy``."""

    def save(folder, which):
        with atomic.written(folder / "both") as part:
            part.mkdir()
            for name in "ab":
                (part / name).write_text(which)

    def read(folder):
        recover(folder / "both")
        a, b = ((folder / "both" / name).read_text() for name in "ab")
        return a if a == b else f"{a} and {b}"

    return Writer(save, read)


OF_A_SESSION = {
    "session": Sessions.saving,
    "maps read to a file": Sessions.encoding,
    "export": Sessions.exporting,
    "page": Sessions.page,
}
OTHERS = {
    "folder": folder_writer,
    "model": lambda: Writer(_model_file, _read_model_file),
    "maps .zspy": lambda: _maps_writer(".zspy"),
    "maps .hspy": lambda: _maps_writer(".hspy"),
    "rechunk": lambda: Writer(_rechunk, _rechunked),
    "calibration": calibration,
    "arrays of the cache": cache_arrays,
}
NAMES = (*OF_A_SESSION, *OTHERS)


def without_exchange(writer: Writer, patch) -> Writer:
    """The same on a system that cannot exchange two folders at once."""

    def save(folder, which):
        with patch.context() as patched:
            patched.setattr(atomic, "exchange", lambda *_: False)
            writer.save(folder, which)

    return Writer(save, writer.read)
