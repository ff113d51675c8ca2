"""A recorded preparation from raw patterns to those that are looked at or learned from."""

from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Self

from numpy.typing import ArrayLike

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation.counts import Denoise, Masked, Scale, SubtractMean
from stemwidgets.arrays.preparation.geometry import Bin, Center, Crop
from stemwidgets.arrays.preparation.recipe import Recipe
from stemwidgets.arrays.preparation.step import PreparationStep
from stemwidgets.rrvae.common.checks import require_pixel_size
from stemwidgets.signals.conversion import arrays_to_signal, to_arrays
from stemwidgets.signals.io.load import load

RECORD = "Preparation.recipe"
Position = tuple[float, float]


@dataclass(frozen=True, repr=False)
class Preparation(Recipe):
    """Steps from recorded patterns to those that are looked at or learned from.

    Each method adds a step and gives a new preparation; nothing happens to data before
    :meth:`apply`. It prints as the Python that makes it.

    Parameters
    ----------
    steps : tuple of PreparationStep
        Steps to start with; none, as a rule.

    Examples
    --------
    >>> preparation = sw.Preparation().center().crop(margin=1.2).bin(2).denoise(13)
    >>> prepared = preparation.apply(signal)
    >>> measured = preparation.measured(signal)      # the same in numbers, for other scans
    >>> again = sw.Preparation.from_json(measured.to_json()).apply(signal)
    """

    steps: tuple[PreparationStep, ...] = ()

    def center(self, position: Position | None = None) -> Self:
        """Put the zero of the detector axes on the optic axis; no pattern is changed.

        Parameters
        ----------
        position : (float, float), optional
            Optic axis ``(ky, kx)`` in pixels of the patterns at this step; the centre of the
            bright-field disc if not given.
        """
        return self._and(Center(position))

    def crop(
        self,
        radius: float | tuple[float, float] | None = None,
        margin: float | None = None,
        center: Position | None = None,
    ) -> Self:
        """Keep an odd number of rows and columns about the optic axis, all of them on the detector.

        Parameters
        ----------
        radius : float or (float, float), optional
            Half of what is kept, in pixels: along ky and kx; or along kx, and along ky as much in
            the units of the axes.
        margin : float, optional
            Instead of `radius`: the same over the radius of the bright-field disc; 1.1 if neither
            is given.
        center : (float, float), optional
            Optic axis ``(ky, kx)`` in pixels; that of :meth:`center`, else the disc's, if not
            given.
        """
        return self._and(Crop(radius, margin, center))

    def bin(self, factor: int) -> Self:
        """Add up squares of pixels; rows and columns at the end that fill none are left out.

        Parameters
        ----------
        factor : int
            Side of the squares.
        """
        return self._and(Bin(factor))

    def mask(self, pixels: ArrayLike | str) -> Self:
        """Set pixels to 0, whatever they hold.

        Parameters
        ----------
        pixels : ndarray of bool, shape [ky, kx], or str
            True where a pixel is left out; or the words in which a preparation prints it.
        """
        return self._and(Masked(pixels))  # type: ignore[arg-type]

    def subtract_mean(self) -> Self:
        """Subtract the mean pattern of the scan at hand; no COM can be taken afterwards."""
        return self._and(SubtractMean())

    def scale(self, by: str | float) -> Self:
        """Bring counts to another scale.

        Parameters
        ----------
        by : {"range", "std", "dose"} or float
            ``"range"``: the whole scan at hand into [0, 1], after which a COM is wrong unless the
            lowest pixel was 0;
            ``"std"``: over the standard deviation of all pixels of the scan;
            ``"dose"``: each pattern over its sum;
            a number: over that number.
        """
        return self._and(Scale(by))

    def denoise(self, n_components: int, weighting: str = "none") -> Self:
        """Put patterns together again from the first principal components of the scan at hand.

        Parameters
        ----------
        n_components : int
            Number of components.
        weighting : {"none", "poisson"}
            As for :func:`stemwidgets.pca`.
        """
        return self._and(Denoise(n_components, weighting))

    def apply(self, source: Any) -> Any:
        """Take all steps.

        Parameters
        ----------
        source : signal, path or array
            A HyperSpy or pyxem signal, a file, or a numpy or dask array ``[iy, ix, ky, kx]``. What
            the steps leave open is measured on it.

        Returns
        -------
        ElectronDiffraction2D or array
            A signal, lazy if `source` was, that keeps its microscope's metadata and records the
            measured steps as ``metadata.Preparation.recipe``; for a plain array, an array. The same
            source gives the same array, bit for bit.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        InputError
            If a step does not fit the patterns, or a pixel that is not masked is not finite.
        """
        source = load(source) if isinstance(source, str | PathLike) else source
        data, axes, title = to_arrays(source)
        scan, measured = self.prepared(data, axes)
        if not hasattr(source, "metadata"):
            return scan.data
        signal = arrays_to_signal(scan.data, scan.axes, title)
        known = source.metadata.as_dictionary()
        for node in ("General", "Acquisition_instrument", "Sample", "Stemwidgets"):
            signal.metadata.add_dictionary({node: known[node]} if node in known else {})
        before = known.get("Preparation", {}).get("recipe")
        earlier = Preparation.from_json(before).steps if before else ()
        signal.metadata.set_item(RECORD, Preparation(earlier + measured.steps).to_json())
        return signal

    def measured(self, source: Any) -> Self:
        """The same steps with numbers, measured on a scan, for all that they leave open.

        Mean, range and principal components stay those of the scan at hand.

        Parameters
        ----------
        source : signal, path or array
            As for :meth:`apply`, with the same errors.
        """
        data, axes, _ = to_arrays(source)
        return self.prepared(data, axes)[1]

    def _and(self, step: PreparationStep) -> Self:
        return type(self)((*self.steps, step))


def require_recipe(preparation: Any) -> Preparation | None:
    """Preparation from steps, or their JSON, that leave counts to learn from; None for none."""
    if isinstance(preparation, str):
        preparation = Preparation.from_json(preparation)
    if preparation is not None and not isinstance(preparation, Preparation):
        raise InputError(
            f"Expected a preparation, got {type(preparation).__name__}. Make one by "
            "stemwidgets.Preparation().center().crop()."
        )
    if preparation is not None and preparation.spoils_com:
        raise InputError(
            "Expected a preparation that leaves counts, which the rrVAE learns from, got one with "
            f"{' and '.join(preparation.spoils_com)}. Leave that out: the model finds by itself "
            "what all patterns share."
        )
    return preparation


def with_pixel_size(source: Any, pixel_size: Position | None) -> tuple[Any, Axes]:
    """Patterns of any source, and their axes with another size of the detector pixels."""
    data, axes, _ = to_arrays(source)
    if pixel_size is None:
        return data, axes
    require_pixel_size(pixel_size)
    ky, kx = (
        replace(axis, scale=float(side)) for axis, side in zip(axes[2:], pixel_size, strict=True)
    )
    return data, axes._replace(ky=ky, kx=kx)
