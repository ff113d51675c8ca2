"""How long calls take, side by side."""

import time
from statistics import median


def seconds(*calls, repeats=5):
    """Median time of each, taken in turns after a first one."""
    spent = [[] for _ in calls]
    for repeat in range(repeats + 1):
        for times, call in zip(spent, calls, strict=True):
            began = time.perf_counter()
            call()
            if repeat:
                times.append(time.perf_counter() - began)
    return [median(times) for times in spent]
