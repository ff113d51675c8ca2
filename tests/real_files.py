"""Files that other programs wrote, and what is right for each: one row, one file of tests/data."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True)
class RealFile:
    """One file as it was recorded.

    Parameters
    ----------
    name : str
        In tests/data.
    shape : tuple of int
        ``[iy, ix, ky, kx]``; of a sequence, which does not tell its scan, ``[n, ky, kx]``.
    dtype : str
        Type of its counts.
    title : str
        What stands above the page; empty for what opens no page.
    center, radius, tolerance : (float, float), float, float, optional
        Of the direct beam ``(ky, kx)`` [px], and how far a centre and a radius may be off.
    says : tuple of str
        Words that the user must read, on the page or in the error.
    opens : bool
        Whether there is a page without another word from the user.
    options : dict
        What the user answers, as arguments of ``load``, where the file itself is not enough.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    title: str = ""
    center: tuple[float, float] | None = None
    radius: float | None = None
    tolerance: float = 0.0
    says: tuple[str, ...] = ()
    opens: bool = True
    options: tuple[tuple[str, object], ...] = ()

    @property
    def path(self) -> Path:
        return FOLDER / self.name

    @property
    def asks_for_its_scan(self) -> bool:
        return len(self.shape) == 3


MERLIN_DISC = RealFile(
    "001_4x2_6bit.mib",
    (2, 4, 256, 256),
    "uint8",
    title="001_4x2_6bit",
    center=(112, 26),
    radius=27,
    tolerance=2.5,
    says=("saturated",),
)
MERLIN_HOT_PIXEL = RealFile(
    "002_merlin_test_roi_sig256x128_nav4x2_hot_pixel_52x_39y.mib",
    (2, 4, 128, 256),
    "uint16",
    title="002_merlin_test_roi_sig256x128_nav4x2_hot_pixel_52x_39y",
    says=("pixel",),
)
MERLIN_SEQUENCE = RealFile(
    "Single_9_Frame_CounterDepth_6_Rows_256.mib",
    (9, 256, 256),
    "uint8",
    opens=False,
    says=("9 patterns", "scan_shape"),
    options=(("scan_shape", (3, 3)),),
)
BLOCKFILE = RealFile(
    "test1.blo",
    (3, 2, 144, 144),
    "uint8",
    title="test1",
    center=(72, 73),
    radius=4.5,
    tolerance=1.5,
)
TOPSPIN = RealFile(
    "topspin_test_A.app5",
    (2, 5, 14, 12),
    "float32",
    title="topspin_test_A",
    center=(6.6, 5.5),
    radius=2.4,
    tolerance=0.5,
)
TIA_SEQUENCE = RealFile(
    "128x128x5-diffraction_preview_1.ser",
    (5, 128, 128),
    "int32",
    opens=False,
    says=("5 patterns", "scan_shape"),
    options=(("scan_shape", (1, 5)),),
)
MOVIE = RealFile(
    "Custom_movie.mrc",
    (30, 16, 16),
    "uint16",
    opens=False,
    says=("30 patterns", "scan_shape"),
    options=(("scan_shape", (5, 6)),),
)
PY4DSTEM = RealFile(
    "py4DSTEM_size2x3x4x5.h5",
    (2, 3, 4, 5),
    "float32",
    opens=False,
    says=("8×8", "4×5"),
)
FIVE_AXES = RealFile(
    "Si100_4D.emd",
    (2, 11, 11, 8, 8),
    "float32",
    opens=False,
    says=("Si100_4D.emd", "(2, 11, 11, 8, 8)"),
)

REAL_FILES = (
    MERLIN_DISC,
    MERLIN_HOT_PIXEL,
    MERLIN_SEQUENCE,
    BLOCKFILE,
    TOPSPIN,
    TIA_SEQUENCE,
    MOVIE,
    PY4DSTEM,
    FIVE_AXES,
)
OPENED = tuple(file for file in REAL_FILES if file.opens)
ASKED = tuple(file for file in REAL_FILES if file.asks_for_its_scan)
REFUSED = tuple(file for file in REAL_FILES if not file.opens and not file.asks_for_its_scan)
