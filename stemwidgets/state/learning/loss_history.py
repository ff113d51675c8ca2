"""The loss of a training against the passes over the data, in as many points as a curve needs."""

from stemwidgets.rrvae.common.records import Progress

History = tuple[tuple[float, float], ...]

APART = 0.01  # distance of points over the passes so far, less than a pixel of the curve


def with_loss(history: History, progress: Progress) -> History:
    """History with the loss of a step at its end.

    Points are an epoch apart, in the first hundred epochs a hundredth of the passes so far. The
    last point moves on until it is that far from the one before.

    Parameters
    ----------
    history : tuple of (passes, loss)
        Points in the order of the passes over the data.
    progress : Progress
        A later report.
    """
    passes = progress.passes_done
    apart = min(1.0, APART * passes)
    kept = [point for point in history if point[0] < passes]
    if len(kept) > 1 and kept[-1][0] - kept[-2][0] < apart * (1 - 1e-6):  # rounding
        del kept[-1]
    return (*kept, (passes, progress.loss))
