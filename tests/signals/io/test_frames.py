"""Sequences of patterns: a scan takes up all frames, or the numbers are named and what fits."""

import re
import shutil

import numpy as np
import pytest
from real_files import ASKED, BLOCKFILE, MERLIN_DISC, MERLIN_SEQUENCE, MOVIE

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.cli.load_options import as_options
from stemwidgets.cli.page import page
from stemwidgets.signals.io.frames import Folding, UnknownScanError, near, possible

PATTERN = (9, 11)


def numbered(count):
    """Frames that know their number."""
    return np.broadcast_to(np.arange(count, dtype="u2")[:, None, None], (count, *PATTERN)).copy()


@pytest.fixture
def sequence(tmp_path):
    def write(count):
        np.save(tmp_path / "frames.npy", numbered(count))
        return tmp_path / "frames.npy"

    return write


def numbers(signal):
    return np.asarray(signal.data[:, :, 0, 0]).tolist()


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("count", "options", "expected"),
    [
        (12, {"flyback": 1}, [[0, 1, 2], [4, 5, 6], [8, 9, 10]]),
        (11, {"flyback": 1}, [[0, 1, 2], [4, 5, 6], [8, 9, 10]]),  # none after the last row
        (10, {"skip": 1}, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        (10, {"skip": (0, 1)}, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]),
        (14, {"flyback": 1, "skip": (1, 1)}, [[1, 2, 3], [5, 6, 7], [9, 10, 11]]),
        (15, {"flyback": 2}, [[0, 1, 2], [5, 6, 7], [10, 11, 12]]),
    ],
)
def test_flyback_and_skipped_frames_are_left_out(sequence, count, options, expected, lazy):
    signal = sw.load(sequence(count), lazy=lazy, scan_shape=(3, 3), **options)
    assert numbers(signal) == expected
    assert signal._lazy == lazy


def test_twelve_frames_are_no_three_by_three(sequence):
    path = sequence(12)
    with pytest.raises(InputError, match=r"takes 9 patterns and does not fit 12 patterns") as told:
        sw.load(path, scan_shape=(3, 3))
    assert "scan_shape=(3, 3), flyback=1" in str(told.value)
    assert "scan_shape=(3, 3), skip=3" in str(told.value)


def test_whatever_is_advised_fits():
    """All lengths of a sequence, all scans that someone may wish."""
    wrong, tried = [], 0
    for count in range(1, 140):
        wishes = [Folding(rows, columns) for rows in range(1, 13) for columns in range(1, 13)]
        for advised in [possible(count), *(near(wish, count) for wish in wishes)]:
            tried += len(advised)
            wrong += [each for each in advised if not each.fits(count)]
            wrong += [] if advised else [count]
            wrong += [each for each in advised if each.indices().max() >= count]
    print(f"\nadvice: tried {tried}, right {tried - len(wrong)}, wrong {len(wrong)}")
    assert wrong == []


@pytest.mark.parametrize(
    ("count", "wish", "first"),
    [
        (12, (3, 3), Folding(3, 3, 1)),
        (256 * 257, (256, 256), Folding(256, 256, 1)),
        (256 * 256 + 1, (256, 256), Folding(256, 256, 0, (1, 0))),
        (256 * 200 + 17, (256, 256), Folding(200, 256, 0, (0, 17))),
        (9, (2, 4), Folding(2, 4, 0, (1, 0))),
    ],
)
def test_the_likeliest_comes_first(count, wish, first):
    assert first in near(Folding(*wish), count)[:2]


def test_unasked_a_square_comes_first():
    assert possible(256 * 256)[0] == Folding(256, 256)
    assert Folding(256, 256, 1) in possible(256 * 257)
    assert Folding(256, 256, 0, (1, 0)) in possible(256 * 256 + 1)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_real_file_of_nine_frames_is_no_two_by_four(lazy):
    words = r"takes 8 patterns and does not fit 9 patterns.*scan_shape=\(2, 4\), skip=1"
    with pytest.raises(InputError, match=words):
        sw.load(MERLIN_SEQUENCE.path, lazy=lazy, scan_shape=(2, 4))
    assert sw.load(MERLIN_SEQUENCE.path, lazy=lazy, scan_shape=(2, 4), skip=1).data.shape[:2] == (
        2,
        4,
    )


def copied(real, tmp_path, frames, stride, start=0):
    """A file that was broken off after so many frames."""
    path = tmp_path / real.name
    path.write_bytes(real.path.read_bytes()[: start + frames * stride + stride // 2])
    if real.path.with_suffix(".hdr").exists():
        shutil.copy(real.path.with_suffix(".hdr"), path.with_suffix(".hdr"))
    return path


BROKEN = [
    (MERLIN_DISC, 384 + 256 * 256, 0, 8),
    (BLOCKFILE, 6 + 144 * 144, 4096, 6),
    (MOVIE, 16 * 16 * 2, 1024, 30),
]


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(("real", "stride", "start", "promised"), BROKEN)
def test_a_broken_off_file_says_what_was_promised(real, stride, start, promised, lazy, tmp_path):
    if real is BLOCKFILE:
        start = int.from_bytes(real.path.read_bytes()[12:16], "little")
    path = copied(real, tmp_path, 3, stride, start)
    words = rf"not whole.*promises {promised} patterns, 3 are there: it was broken off"
    with pytest.raises(UnknownScanError, match=words) as told:
        sw.load(path, lazy=lazy)
    whole = np.asarray(sw.load(real.path, **dict(real.options)).data)
    frames = whole.reshape(-1, *whole.shape[-2:])[:3]
    for folding in told.value.proposals:
        shown = np.asarray(sw.load(path, lazy=lazy, **folding.options()).data)
        assert np.array_equal(shown, frames[folding.indices()])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("shape", [(20, *PATTERN), (4, 5, *PATTERN)])
def test_a_broken_off_numpy_file_says_what_was_promised(tmp_path, lazy, shape):
    path = tmp_path / "frames.npy"
    np.save(path, numbered(20).reshape(shape))
    path.write_bytes(path.read_bytes()[: -7 * 9 * 11 * 2])
    with pytest.raises(UnknownScanError, match=r"promises 20 patterns, 13 are there") as told:
        sw.load(path, lazy=lazy)
    assert len(shape) == 3 or "scan_shape=(2, 5), skip=(0, 3)" in str(told.value)
    signal = sw.load(path, lazy=lazy, scan_shape=(2, 5), skip=(0, 3))
    assert numbers(signal) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"flyback": 1}, r"scan_shape=\(rows, columns\) beside"),
        ({"skip": 1}, r"scan_shape=\(rows, columns\) beside"),
        ({"scan_shape": (3, 4), "flyback": -1}, "count frames, from 0"),
        ({"scan_shape": (3, 4), "skip": (0, -1)}, "count frames, from 0"),
        ({"scan_shape": (3, 4), "skip": (0, 1, 2)}, "skip must be"),
        ({"scan_shape": (3, 4), "flyback": 1.5}, "flyback must be"),
        ({"scan_shape": (3, 4), "index": 0}, "third scan axis"),
    ],
)
def test_nonsense_is_refused(sequence, options, words):
    with pytest.raises(InputError, match=words):
        sw.load(sequence(12), **options)


def test_the_command_line_says_it_in_its_own_words():
    said = as_options(
        "Pass scan_shape=(rows, columns), for example scan_shape=(3, 3), flyback=1, skip=(0, 2) or "
        'dataset="a/b", index=0 or reader="MRC", lazy=True'
    )
    assert said == (
        "Pass --scan-shape ROWS COLUMNS, for example --scan-shape 3 3 --flyback 1 --skip 0 2 or "
        '--dataset "a/b" --index 0 or --reader "MRC" --lazy'
    )


@pytest.mark.parametrize("real", [real for real in ASKED if real is not MERLIN_SEQUENCE])
def test_the_page_asks_and_goes_on_with_the_click(real):
    asked = page(str(real.path), explore=True, lazy=False)
    said = " ".join(
        widget.value for widget in every(asked) if isinstance(getattr(widget, "value", None), str)
    )
    assert all(word in said for word in real.says)
    assert "data:image/png" in said
    asked.buttons[0].click()
    [dashboard] = asked.children
    session = dashboard.session
    try:
        shape = asked._question.proposals[0].options()["scan_shape"]
        assert session.scan.shape[:2] == shape
        session.wait(20)
        assert re.search(rf"sw\.load\(.*scan_shape=\({shape[0]}, {shape[1]}\)", session.as_code())
    finally:
        session.close()


def test_numbers_are_checked_as_they_are_typed(sequence):
    asked = page(str(sequence(12)), explore=True)
    asked.rows.value, asked.columns.value = 3, 3
    assert asked.accept.disabled
    assert "flyback=1" in asked.said.value
    asked.flyback.value = 1
    assert not asked.accept.disabled
    asked.accept.click()
    session = asked.children[0].session
    try:
        assert session.scan.shape[:2] == (3, 3)
        assert session.scan.data[1, 0, 0, 0] == 4
    finally:
        session.close()


def test_a_session_remembers_how_its_file_was_read(sequence, tmp_path):
    session = sw.Session(sequence(12), scan_shape=(3, 3), flyback=1)
    session.wait(20)
    session.save(tmp_path / "desk.json")
    session.close()
    again = sw.Session.open(tmp_path / "desk.json")
    try:
        assert again.scan.data[1, 0, 0, 0] == 4
        assert "scan_shape=(3, 3), flyback=1" in again.as_code()
    finally:
        again.close()


def test_how_a_file_is_read_is_refused_of_what_is_none(sequence):
    with pytest.raises(InputError, match="scan_shape say how a file is read"):
        sw.explore(np.ones((3, 3, 9, 11)), scan_shape=(3, 3))
    with pytest.raises(InputError, match="explore does not know 'scan_shap'"):
        sw.explore(sequence(9), scan_shap=(3, 3))


def every(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)
