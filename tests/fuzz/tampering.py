"""JSON with a wrong value somewhere."""

import copy
import random
from typing import Any

STRANGE = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    7,
    0.5,
    -0.0,
    1e-320,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    10**12,
    -(10**12),
    10**400,
    "",
    "x",
    "1",
    "nan",
    "../../../etc/passwd",
    "<script>alert(1)</script>",
    "\x00\x07\ud7ff",
    "ü" * 1000,
    [],
    [[]],
    [0],
    [1, 2],
    [1, 2, 3],
    [float("nan"), 1],
    [10**12, 10**12],
    ["a", "b"],
    {},
    {"a": 1},
    {"x": {"y": [None]}},
)


def tampered(whole: Any, chance: random.Random) -> Any:
    """A copy in which one or a few values are replaced, lost, renamed or repeated."""
    wrong = copy.deepcopy(whole)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = list(_places(wrong))
        if not places:
            return chance.choice(STRANGE)
        _tamper(*chance.choice(places), chance)
    return wrong


def _places(value: Any) -> Any:
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def _tamper(where: Any, key: Any, chance: random.Random) -> None:
    how = chance.random()
    if how < 0.15:
        del where[key]
    elif how < 0.25 and isinstance(where, dict):
        where[f"{key}x"] = where.pop(key)
    elif how < 0.25:
        where.insert(key, copy.deepcopy(where[key]))
    elif how < 0.35 and isinstance(where[key], (int, float)):
        where[key] = where[key] * chance.choice((-1, 1000, 10**9, 0.37))
    elif how < 0.4:
        where[key] = [where[key]]
    elif how < 0.45:
        where[key] = str(where[key])
    else:
        where[key] = copy.deepcopy(chance.choice(STRANGE))
