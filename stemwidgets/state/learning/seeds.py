"""Trainings of one scan from several seeds, one after the other, and their agreement."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import numpy as np
from traitlets import Float, Instance, Tuple, Unicode

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import AngleComparison, compare_angles
from stemwidgets.arrays.maps.seed_spread import (
    AngleSpread,
    LatentSpread,
    angle_spread,
    latent_spread,
)
from stemwidgets.rrvae.common.records import Encoding, Progress
from stemwidgets.state.background.job import Job
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.channel_store import ChannelStore
from stemwidgets.state.channels import Channels, spread_channels
from stemwidgets.state.errors import in_words
from stemwidgets.state.learning.history import History, with_loss
from stemwidgets.state.learning.learning import Learning
from stemwidgets.state.learning.training import Training
from stemwidgets.state.scan.scan import Scan

MOST = 20  # seeds: the spread over so many is known to 16 %, 1/√(2 · 19)


@dataclass(frozen=True, eq=False)
class Trained:
    """Result of the training from one seed.

    Parameters
    ----------
    seed : int
        Seed of the training.
    model : RRVAE
        The trained model.
    encoding : Encoding
        Maps of that model.
    history : tuple of (passes, loss)
        Losses of its training; empty if it was trained before.
    comparison : AngleComparison or None
        Agreement of its angle with the COM angle; None where they cannot be compared.
    """

    seed: int
    model: Any
    encoding: Encoding
    history: History
    comparison: AngleComparison | None


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of the seeds; see `stemwidgets.arrays.maps.seed_spread`."""

    angles: AngleSpread
    latents: LatentSpread


@dataclass(frozen=True, eq=False)
class _Step:
    """Message of the thread: progress of a seed, or its result."""

    index: int
    share: float = 0.0
    trained: Trained | None = None
    agreement: Agreement | None = None


class Seeds(Job):
    """Trainer of the same model from several seeds, in the background.

    Two seeds or more give the session the channels "angle spread" and "latent spread".

    Parameters
    ----------
    scan : Scan
        The scan.
    mailbox : Mailbox
        Passes results to the main loop.
    channels : ChannelStore
        Receives the spread, and has the COM to compare with.
    training : Training
        Makes the models, and has to rest meanwhile.
    learned : Learning
        Has the model whose options are taken, and shows that of a seed.

    Attributes
    ----------
    status, stopping, failure
        As for `Job`.
    wanted : tuple of int
        Seeds that were asked for.
    share : float
        Share that is done, from 0 to 1.
    trained : tuple of Trained
        Results so far.
    agreement : Agreement or None
        Agreement of these; None before the second.
    problem : str
        Last error in words; empty if there was none.
    """

    wanted = Tuple(read_only=True)
    share = Float(0.0, read_only=True)
    trained = Tuple(read_only=True)
    agreement = Instance(Agreement, allow_none=True, read_only=True)
    problem = Unicode("", read_only=True)

    name = "Training seeds"

    def __init__(
        self,
        scan: Scan,
        mailbox: Mailbox,
        channels: ChannelStore,
        training: Training,
        learned: Learning,
    ) -> None:
        super().__init__(mailbox)
        self._scan, self._channels = scan, channels
        self._training, self._learned = training, learned

    @property
    def options(self) -> dict[str, Any]:
        """Options of the model on view, less the seed; none, for the defaults, without one."""
        model = self._learned.model
        options = getattr(model, "options", None)
        if not is_dataclass(options) or isinstance(options, type):
            return {}
        chosen = {"kind": model.kind, **asdict(options), "device": str(model.device)}
        del chosen["seed"]
        asked = getattr(model, "limiting", None)
        if asked is not None:
            chosen |= {"band_limit": asked.band_limit, "periodic": asked.periodic}
        return chosen

    def start(self, count: int = 5, first: int = 0, **options: Any) -> None:
        """Train from `count` seeds, the first of them `first`, in the background.

        Parameters
        ----------
        count : int
            Number of seeds, from 2 to 20.
        first : int
            First seed; the others follow it.
        **options
            Options of the model; those of the session's model if none are given.

        Raises
        ------
        InputError
            If a training runs, or the numbers are out of range. What the model refuses makes the
            work fail: see `problem`, or let `wait` raise it.
        """
        self._scan.require_open()
        if self.active or self._training.active:
            raise InputError("a training is already running: stop it before starting others")
        if not 2 <= count <= MOST or first < 0:
            raise InputError(f"Expected 2 to {MOST} seeds from 0, got {count} from {first}.")
        options = options or self.options
        seeds = tuple(range(first, first + count))
        self._clear()
        self.set_trait("wanted", seeds)
        channels = self._channels.channels
        self._begin(lambda: self._train(seeds, options, channels), self._record, "seeds")

    def show(self, seed: int) -> None:
        """Show the model of a seed as the session's.

        Raises
        ------
        InputError
            If that seed was not trained, or a training runs.
        """
        found = [trained for trained in self.trained if trained.seed == seed]
        if not found:
            raise InputError(f"There is no training from seed {seed} to show.")
        (one,) = found
        self._learned.adopt(one.model, one.encoding, ("finished",), one.history)

    @property
    def left(self) -> str:
        """Description of what trainings that were stopped leave."""
        return "Seeds that are done are kept."

    def _clear(self) -> None:
        self.set_trait("trained", ())
        self.set_trait("agreement", None)
        self.set_trait("share", 0.0)
        self.set_trait("problem", "")
        self._channels.replace("seeds")

    def _train(
        self, seeds: tuple[int, ...], options: dict[str, Any], channels: Channels
    ) -> Iterator[_Step]:
        scan, done = self._scan, []
        for index, seed in enumerate(seeds):
            model = self._training.make_model(**{**options, "seed": seed})
            history: History = ()
            given = self._training.given(model)
            found = {"pixel_size": scan.axes.pixel_steps, "faulty": scan.faults()}
            for progress in model.steps(scan.data, **found, **given):
                if progress.read == 1:
                    history = with_loss(history, progress)
                yield _Step(index, _share(progress))
            encoding = model.encode(scan.data, **given)
            comparison = _against_com(encoding, channels)
            done.append(Trained(seed, model, encoding, history, comparison))
            yield _Step(index, 1.0, done[-1], _agreement(done) if len(done) > 1 else None)

    def _record(self, steps: list[_Step]) -> None:
        for step in steps:
            if step.trained is not None:
                self.set_trait("trained", (*self.trained, step.trained))
            if step.agreement is not None:
                self._show_agreement(step.agreement)
        self.set_trait("share", (steps[-1].index + steps[-1].share) / len(self.wanted))

    def _show_agreement(self, agreement: Agreement) -> None:
        self.set_trait("agreement", agreement)
        spreads = spread_channels(agreement.angles.spread, agreement.latents.spread)
        self._channels.put(*spreads)

    def _end(self, failure: Exception | None) -> None:
        if failure is not None:
            self.set_trait("problem", in_words(failure))
        super()._end(failure)


def _share(progress: Progress) -> float:
    if progress.read < 1:
        return 0.0
    total = progress.elapsed + progress.remaining
    return progress.elapsed / total if total > 0 else progress.share_done


def _against_com(encoding: Encoding, channels: Channels) -> AngleComparison | None:
    com, magnitude = channels.get("COM angle"), channels.get("COM magnitude")
    if com is None or magnitude is None:
        return None
    try:
        return compare_angles(encoding.angle, com.values, magnitude.values, encoding.fold)
    except InputError:
        return None


def _agreement(done: list[Trained]) -> Agreement:
    encodings = [one.encoding for one in done]
    return Agreement(
        angle_spread(
            np.stack([each.angle for each in encodings]),
            np.stack([np.nan_to_num(each.confidence) for each in encodings]),
            math.lcm(*(each.fold for each in encodings)),
        ),
        latent_spread(np.stack([each.latent for each in encodings])),
    )
