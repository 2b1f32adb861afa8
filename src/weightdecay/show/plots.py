"""Pictures of records: each function draws into the axes it is given, or into new ones, and returns them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.history import History
from weightdecay.records.monitor import Monitored
from weightdecay.records.tuning import Tuning
from weightdecay.show.calibration_picture import calibration
from weightdecay.show.canvas import axes, check
from weightdecay.show.choice_picture import opinions
from weightdecay.show.coefficient_picture import coefficients
from weightdecay.show.comparison_picture import comparison
from weightdecay.show.confusion_picture import confusion
from weightdecay.show.decay_axis import decay_axis, df_axis, dress
from weightdecay.show.heatmap_picture import heatmap
from weightdecay.show.labels import (
    CYCLE,
    FAINT,
    GREY,
    INK,
    fitted,
    make_room,
    name_curves,
    name_room,
    names_that_fit,
    settle,
)
from weightdecay.show.legend import place_legend
from weightdecay.show.loss_curves import decay_entries, draw_losses, shades
from weightdecay.show.monitor_picture import PANELS, draw_monitor
from weightdecay.show.path_words import path_words
from weightdecay.show.residual_picture import residuals
from weightdecay.show.roc_picture import roc
from weightdecay.show.squeezed_axis import SPREAD, squeeze
from weightdecay.show.target_curves import draw_targets
from weightdecay.show.validation_curve import draw, path_of
from weightdecay.show.why_plot import why

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "calibration",
    "coefficients",
    "comparison",
    "confusion",
    "heatmap",
    "monitor",
    "opinions",
    "path",
    "residuals",
    "roc",
    "training",
    "validation",
    "why",
]

Array = NDArray[np.float64]
# More grey lines than this only make the picture heavy.
GREY_LINES = 25
NAMED_LINES = 10
MOST_LINES = NAMED_LINES + GREY_LINES
# What `training` draws.
WHAT = ("weights", "loss")


def validation(tuning: Tuning, *, ax: Axes | None = None) -> Axes:
    """Draw the held-out and the training loss against the decay, and what follows from them.

    The mean held-out loss ΣW_f L_f(λ)/ΣW_f with a band of one standard error, the training loss, the best decay, the
    largest within one standard error of it, the window (shaded) and the range that the data cannot tell from the best
    (bar at the foot), the sides of over- and under-fitting, habits such as scikit-learn's default, and the effective
    degrees of freedom along the top. λ = 0 and λ = ∞ stand beside the logarithmic axis. With several targets: one
    curve each, divided by its own best. Scores are shown as the metric itself. Losses far above the best, and above all
    that the picture names, are left out, and the legend says how far they go.

    Parameters
    ----------
    tuning : Tuning
        What `wd.tune` returned, or `Tuning.from_json`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        It is no `Tuning`.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.validation(wd.tune(wd.LinearRegression(), X, y))
    >>> ax.get_xlabel()
    'decay λ'
    """
    check("validation", tuning, Tuning, "pass what wd.tune returned, or model.tuning_")
    ax = axes(ax)
    if tuning.targets:
        draw_targets(ax, tuning)
    else:
        draw(ax, tuning, path_of(tuning))
    return ax


def path(
    path: DecayPath,
    *,
    ax: Axes | None = None,
    top: int = NAMED_LINES,
    decay: float | None = None,
    scale: ArrayLike | None = None,
) -> Axes:
    """Draw every coefficient against the decay, the largest with their names, and the degrees of freedom on top.

    Of a network they are the norms of its layers.

    Parameters
    ----------
    path : DecayPath
        What `wd.path` returned, or `tuning.path`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    top : int, default 10
        How many coefficients to name: the largest in size at `decay`, or anywhere along the path.
    decay : float, optional
        A decay to mark.
    scale : array-like of shape (p,), optional
        Standard deviations of the columns, such as ``tuning.diagnostics.scale``: coefficients are drawn per standard
        deviation of their column then, so that columns of different units can be compared.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        It is no `DecayPath`.
    ValueError
        There is not one scale for each column.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.path(wd.path(wd.LinearRegression(), X, y, decays=[0.01, 0.1, 1.0]))
    >>> ax.get_ylabel()
    'coefficient'
    """
    check("path", path, DecayPath, "pass what wd.path returned, or tuning.path")
    ax = axes(ax)
    coef, names = flat_coefficients(path)
    coef, what = (
        (coef, path_words(path).one) if scale is None else (_scaled(coef, path, scale), "per standard deviation")
    )
    every = [*path.decays, *([] if decay is None else [decay])]
    axis = decay_axis(every)
    dress(ax, axis, every)
    df_axis(ax, axis, path.decays, path.mean_df)
    drawn = np.flatnonzero(np.isfinite(coef).all(axis=1))
    order = drawn[np.argsort(path.decays[drawn])]
    places, coef = axis.place(path.decays[order]), coef[order]
    at = slice(None) if decay is None else [int(np.argmin(np.abs(np.log(places / axis.place(decay)))))]
    ranked = np.argsort(-np.abs(coef[at]).max(axis=0), kind="stable")
    ax.set_ylabel(what)
    settle(ax)
    named = ranked[: min(top, names_that_fit(ax))]
    _many_lines(ax, places, coef, named, ranked[len(named) :])
    squeeze(ax, np.abs(coef[:, named]).max(axis=0))
    shown = [fitted(names[j], name_room(ax)) for j in named]
    make_room(ax, shown, "left")
    # The line of the marked decay must not run through the names.
    beside = float(axis.place(min(every)))
    name_curves(ax, beside, coef[0, named].tolist(), shown, _colours(len(named)), "left")
    # Not through the names.
    ax.plot([beside, axis.right], [0, 0], color=FAINT, linewidth=0.8, zorder=0)
    if decay is not None:
        ax.axvline(float(axis.place(decay)), color=INK, linewidth=1, linestyle="--")
    return ax


def training(
    histories: History | Sequence[History], *, what: str = "weights", ax: Axes | None = None, top: int = 8
) -> Axes:
    """Draw weights, or the loss of training and of held-out rows, against epochs, for one fit or for several decays.

    A held-out loss (solid) that falls with the training loss (dashed) and stays high is of a fit with too much decay,
    one that rises again while the training loss falls of one with too little; a mark is its least. Without held-out
    losses the training loss is drawn alone; of an iterative solver it is the objective, with the penalty.

    Parameters
    ----------
    histories : History or sequence of History
        What an iterative solver did (``estimator.history_``), one per decay; ``tuning.training.histories`` of networks.
    what : {"weights", "loss"}, default "weights"
        Weights, of a network the norms of its layers, or losses.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    top : int, default 8
        How many weights to name: those that end largest in size.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        There is no history, or the histories have weights of different shapes, or ``what`` is something else.
    TypeError
        One is no `History`.

    Examples
    --------
    >>> import weightdecay as wd
    >>> X, y = [[1, 0], [0, 1], [1, 1], [2, 1]], [3, 4, 5, 9]
    >>> fits = [
    ...     wd.LinearRegression(decay, solver="gradient_descent", learning_rate=0.5).fit(X, y)
    ...     for decay in (0.0, 0.1, 1.0)
    ... ]
    >>> ax = wd.plot.training([fit.history_ for fit in fits])
    >>> ax.get_xlabel()
    'epoch'
    """
    if what not in WHAT:
        raise ValueError(f"what={what!r} is not known; give 'weights' or 'loss'")
    every = _by_decay(histories, alike=what == "weights")
    ax = axes(ax)
    if what == "loss":
        draw_losses(ax, every)
        return ax
    ax.set_xlabel("epoch")
    ax.set_ylabel(every[0].shown)
    ax.locator_params(axis="x", integer=True)
    ax.spines[["top", "right"]].set_visible(False)
    settle(ax)
    # The names stand at the end of the longest, beyond the ends of all others.
    longest = max(every, key=lambda one: one.at[-1])
    weights = _flat(longest)
    ranked = np.argsort(-np.abs(weights[-1]), kind="stable")
    named = ranked[: min(top, names_that_fit(ax))]
    names = _weight_names(longest.columns, weights.shape[1], longest.weights.shape)
    shown = [fitted(names[j], name_room(ax)) for j in named]
    end = max(float(longest.at[-1]), 1.0)
    ax.set_xlim(0, end)
    room = make_room(ax, shown, "right")
    ax.plot([0, end], [0, 0], color=FAINT, linewidth=0.8, zorder=0)
    if len(every) == 1:
        _many_lines(ax, longest.at, weights, named, ranked[len(named) :])
        squeeze(ax, np.abs(weights[:, named]).max(axis=1))
        colours = _colours(len(named))
    else:
        _several(ax, every, named, 1 - room)
        colours = [GREY] * len(named)
    # No ticks beyond the last epoch, where names stand.
    ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= end])
    name_curves(ax, float(longest.at[-1]), weights[-1, named].tolist(), shown, colours, "right")
    return ax


def monitor(monitor: Any, *, what: str = "all", ax: Axes | None = None) -> Axes:
    """Draw what a monitor has measured of the decayed weights, role by role, and what theory expects of it (dashed).

    Sizes against their equilibrium, turns per step, ‖g‖/‖w‖ (for Adam's kind ‖g/√v̂‖/‖w‖) against √(2λ/γ), and what
    updates put back over what decay takes, which is 1 in equilibrium.

    Parameters
    ----------
    monitor : Monitor or Monitored
        A monitor, or what `wd.Monitor.read` has read.
    what : {"all", "rms", "angle", "gradient", "balance"}, default "all"
        All four, in ``ax.child_axes``, or one.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        Nothing was measured, or ``what`` is something else.
    TypeError
        It is no monitor.

    Examples
    --------
    >>> ax = wd.plot.monitor(wd.Monitor.read("decay.jsonl"), what="rms")  # doctest: +SKIP
    """
    record = getattr(monitor, "record", monitor)
    check("monitor", record, Monitored, "pass a wd.Monitor, or what wd.Monitor.read has read")
    if what not in ("all", *PANELS):
        raise ValueError(f"what={what!r} is not known; give 'all', {', '.join(map(repr, PANELS))}")
    if not record.records:
        raise ValueError(
            "no step was measured, there is nothing to draw; train first, or give Monitor a smaller every="
        )
    ax = axes(ax)
    draw_monitor(ax, record, what)
    return ax


def _scaled(coef: Array, path: DecayPath, scale: ArrayLike) -> Array:
    """Coefficients (L, …) times the scales of their columns."""
    per, p = np.asarray(scale, dtype=np.float64), path.coef.shape[-1]
    if per.shape != (p,):
        raise ValueError(f"scale has shape {per.shape}, expected ({p},): one standard deviation for each column")
    return coef * np.tile(per, coef.shape[1] // max(p, 1))


def flat_coefficients(path: DecayPath) -> tuple[Array, list[str]]:
    """Coefficients with one column each for every column of every target, and a name for each."""
    coef = path.coef.reshape(len(path.decays), -1)
    return coef, _weight_names(path.columns, coef.shape[1], path.coef.shape, path.target_names)


def _colours(count: int) -> list[str]:
    """Colours of the named curves."""
    return [CYCLE[index % len(CYCLE)] for index in range(count)]


def _many_lines(ax: Axes, x: Array, curves: Array, named: NDArray[np.int_], others: NDArray[np.int_]) -> None:
    """The named curves in colours over the largest of the others in grey."""
    # One decay alone makes points, not lines.
    marker = "o" if len(x) == 1 else ""
    if len(others):
        ax.plot(x, curves[:, others[:GREY_LINES]], color=FAINT, linewidth=0.7, marker=marker, markersize=2, zorder=1)
    for index, (column, colour) in enumerate(zip(named, _colours(len(named)), strict=True)):
        dashes = ("-", "--")[index // len(CYCLE) % 2]
        style: dict[str, Any] = {"linewidth": 1.5, "linestyle": dashes, "marker": marker, "markersize": 4}
        ax.plot(x, curves[:, column], color=colour, zorder=2, **style)


def _by_decay(histories: History | Sequence[History], *, alike: bool) -> list[History]:
    """The histories with the weakest decay first, once it is known that they can share a picture."""
    every = list(histories) if isinstance(histories, Iterable) else [histories]
    if not every or any(one is None for one in every):
        raise ValueError(
            f"no history to draw, got {'None' if every else 'an empty sequence'}; give model.history_ of fits with "
            "solver='gradient_descent', the solver that keeps one, or of networks"
        )
    for one in every:
        check("training", one, History, "pass model.history_, or a sequence of them")
    shapes = {one.weights.shape[1:] for one in every}
    if alike and len(shapes) > 1:
        raise ValueError(
            f"the histories have weights of different shapes, {sorted(shapes)}; "
            "give histories of fits to the same columns, or draw each into axes of its own"
        )
    return sorted(every, key=lambda one: one.decay)


def _several(ax: Axes, histories: list[History], named: NDArray[np.int_], right: float) -> None:
    """The named weights of every decay in a shade of its own, the stronger the decay the darker, and a legend."""
    curves = [_flat(one)[:, named] for one in histories]
    sizes = np.array([np.nanmax(np.abs(one), initial=0.0) for one in curves])
    # One that grows without bound must neither flatten nor hide the others: it ends where it leaves the picture.
    bound = SPREAD * sizes[sizes > 0].min(initial=np.inf)
    lines = []
    for shade, history, one in zip(shades(len(curves)), histories, curves, strict=True):
        left = np.append(np.flatnonzero(~(np.abs(one) <= bound).all(axis=1)), len(one))[0]
        lines.append(ax.plot(history.at[: left + 1], one[: left + 1], color=shade, linewidth=1.3)[0])
    calm = [one for one, size in zip(curves, sizes, strict=True) if size <= bound]
    low, high = min(float(one.min(initial=0.0)) for one in calm), max(float(one.max(initial=0.0)) for one in calm)
    margin = 0.05 * ((high - low) or 1.0)
    ax.set_ylim(low - margin, high + margin)
    place_legend(ax, decay_entries(ax, histories, lines), title="decay λ", right=right)


def _flat(history: History) -> Array:
    """Weights with one column each for every column of every target."""
    return history.weights.reshape(len(history.weights), -1)


def _weight_names(
    columns: tuple[str, ...], count: int, shape: tuple[int, ...], targets: tuple[str, ...] = ()
) -> list[str]:
    """A name for each coefficient: its column, and its target where there are several."""
    names = list(columns) or [f"x{j}" for j in range(shape[-1])]
    several = count // len(names)
    if several <= 1:
        return names
    called = targets if len(targets) == several else [f"target {k + 1}" for k in range(several)]
    return [f"{name} · {target}" for target in called for name in names]
