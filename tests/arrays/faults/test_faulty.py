"""Faulty pixels, rows, columns and events are found, and nothing else is."""

import faulty_scans
import pytest
from scans import events_of

import stemwidgets as sw
from stemwidgets.arrays.faults.find import find_faulty

TABLES = ("events", "hot_pixels", "dead_pixels", "lines", "sound_spots", "sound", "saturated")


def judged(case):
    """What is wrong with what is found in a case, in words; empty if nothing is."""
    found = find_faulty(case.data)
    seen = {
        "rows": set(found.rows),
        "columns": set(found.columns),
        "pixels": {(int(y), int(x)) for y, x in found.pixels},
        "events": {tuple(map(int, event)) for event in events_of(case.data, found)},
    }
    wrong = []
    for what, there in seen.items():
        true = getattr(case, what)
        if missed := true - there:
            wrong.append(f"{len(missed)} {what} missed, {sorted(missed)[:3]}")
        if invented := there - true:
            wrong.append(f"{len(invented)} {what} invented, {sorted(invented)[:3]}")
    if found.saturated != case.saturated:
        wrong.append(f"saturated at {found.saturated}, not {case.saturated}")
    return "; ".join(wrong)


@pytest.mark.parametrize("table", TABLES)
def test_all_that_is_faulty_is_found_and_nothing_else(table):
    cases = list(getattr(faulty_scans, table)())

    wrong = {case.name: words for case in cases if (words := judged(case))}

    right = len(cases) - len(wrong)
    print(f"{table}: {len(cases)} cases tried, {right} right, 0 refused, {len(wrong)} wrong")
    assert not wrong, "\n".join(f"{name}: {words}" for name, words in wrong.items())


def test_a_dead_row_is_found_where_the_beam_wanders_over_it():
    signal = sw.samples.experiment(descan=5.0, seed=2)

    assert find_faulty(signal.data).rows == tuple(signal.original_metadata.truth.dead.rows)
