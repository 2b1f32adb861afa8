"""Pictures of records: each function draws into the axes it is given, or into new ones, and returns them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.history import History
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.decay_axis import decay_axis, dress
from weightdecay.show.labels import (
    CYCLE,
    FAINT,
    GREY,
    INK,
    NAME_SIZE,
    make_room,
    name_curves,
    name_limit,
    names_that_fit,
    settle,
)
from weightdecay.show.sanitize import for_plot
from weightdecay.show.validation_curve import draw, draw_targets, path_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["path", "training", "validation"]

Array = NDArray[np.float64]
# Named coefficients whose sizes spread more than this cannot be told from 0 on a linear axis.
SPREAD = 100.0
# More grey lines than this only make the picture heavy.
GREY_LINES = 60


def validation(tuning: Tuning, *, ax: Axes | None = None) -> Axes:
    """Draw the held-out and the training loss against the decay, and what follows from them.

    The mean held-out loss ΣW_f L_f(λ)/ΣW_f with a band of one standard error, the training loss, the best decay, the
    largest within one standard error of it, the window (shaded) and the range that the data cannot tell from the best
    (bar at the foot), the sides of over- and under-fitting, habits such as scikit-learn's default, and the effective
    degrees of freedom along the top. λ = 0 and λ = ∞ stand beside the logarithmic axis. With several targets: one
    curve each, divided by its own best.

    Parameters
    ----------
    tuning : Tuning
        What `wd.tune` returned, or `Tuning.from_json`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.validation(wd.tune(wd.LinearRegression(), X, y))
    >>> ax.get_xlabel()
    'decay λ'
    """
    ax = _axes(ax)
    if tuning.targets:
        draw_targets(ax, tuning)
    else:
        draw(ax, tuning, path_of(tuning))
    return ax


def path(path: DecayPath, *, ax: Axes | None = None, top: int = 10, decay: float | None = None) -> Axes:
    """Draw every coefficient against the decay, the largest with their names.

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

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> ax = wd.plot.path(wd.path(wd.LinearRegression(), X, y, decays=[0.01, 0.1, 1.0]))
    >>> ax.get_ylabel()
    'coefficient'
    """
    ax = _axes(ax)
    coef, names = flat_coefficients(path)
    axis = decay_axis(path.decays)
    dress(ax, axis, path.decays)
    order = np.argsort(path.decays)
    places, coef = axis.place(path.decays[order]), coef[order]
    at = slice(None) if decay is None else int(np.argmin(np.abs(places - axis.place(decay))))
    ranked = np.argsort(-np.abs(np.atleast_2d(coef[at])).max(axis=0), kind="stable")
    ax.set_ylabel("coefficient")
    settle(ax)
    top = min(top, names_that_fit(ax))
    _many_lines(ax, places, coef, ranked[:top], ranked[top:])
    _squeeze(ax, np.abs(coef[:, ranked[:top]]).max(axis=0))
    shown = [for_plot(names[j], name_limit(ax)) for j in ranked[:top]]
    make_room(ax, shown, "left")
    name_curves(ax, float(places[0]), coef[0, ranked[:top]].tolist(), shown, _colours(top), "left")
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    if decay is not None:
        ax.axvline(float(axis.place(decay)), color=INK, linewidth=1, linestyle="--")
    return ax


def training(histories: History | Sequence[History], *, ax: Axes | None = None, top: int = 8) -> Axes:
    """Draw weights against epochs, for one fit or for several decays.

    Parameters
    ----------
    histories : History or sequence of History
        What an iterative solver did (``estimator.history_``), one per decay.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    top : int, default 8
        How many weights to name: those that end largest in size.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import weightdecay as wd
    >>> X, y = [[1, 2], [2, 3], [3, 4]], [3, 4, 5]
    >>> fits = [
    ...     wd.LinearRegression(decay, solver="gradient_descent", fit_intercept=False, standardize=False).fit(X, y)
    ...     for decay in (0.0, 0.1, 1.0)
    ... ]
    >>> ax = wd.plot.training([fit.history_ for fit in fits])
    >>> ax.get_xlabel()
    'epoch'
    """
    ax = _axes(ax)
    every = [histories] if isinstance(histories, History) else list(histories)
    if not every:
        raise ValueError("no history to draw: give one History, or a sequence of them")
    ax.set_xlabel("epoch")
    ax.set_ylabel("weight")
    ax.spines[["top", "right"]].set_visible(False)
    settle(ax)
    first = _flat(every[0])
    ranked = np.argsort(-np.abs(first[-1]), kind="stable")
    top = min(top, names_that_fit(ax))
    names = _weight_names(every[0].columns, first.shape[1], every[0].weights.shape)
    shown = [for_plot(names[j], name_limit(ax)) for j in ranked[:top]]
    if len(every) == 1:
        _many_lines(ax, np.arange(len(first), dtype=np.float64), first, ranked[:top], ranked[top:])
        colours = _colours(top)
    else:
        colours = [GREY] * top
        for number, one in enumerate(every):
            _one_history(ax, one, ranked[:top], number, len(every))
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    ax.set_xlim(0, max(max(len(one.loss) for one in every) - 1, 1))
    room = make_room(ax, shown, "right")
    if len(every) > 1:
        box = (0, 0, 1 - room, 1)
        ax.legend(
            title="decay λ",
            fontsize=NAME_SIZE,
            title_fontsize=NAME_SIZE,
            framealpha=0.85,
            edgecolor="none",
            bbox_to_anchor=box,
            loc="best",
        )
    name_curves(ax, len(first) - 1, first[-1, ranked[:top]].tolist(), shown, colours, "right")
    return ax


def flat_coefficients(path: DecayPath) -> tuple[Array, list[str]]:
    """Coefficients with one column each for every column of every target, and a name for each."""
    coef = path.coef.reshape(len(path.decays), -1)
    return coef, _weight_names(path.columns, coef.shape[1], path.coef.shape)


def _axes(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7.2, 4.5), layout="constrained")[1]


def _colours(count: int) -> list[str]:
    """Colours of the named curves."""
    return [CYCLE[index % len(CYCLE)] for index in range(count)]


def _many_lines(ax: Axes, x: Array, curves: Array, named: NDArray[np.int_], others: NDArray[np.int_]) -> None:
    """The named curves in colours over the largest of the others in grey."""
    if len(others):
        ax.plot(x, curves[:, others[:GREY_LINES]], color=FAINT, linewidth=0.7, zorder=1)
    for index, (column, colour) in enumerate(zip(named, _colours(len(named)), strict=True)):
        dashes = ("-", "--")[index // len(CYCLE) % 2]
        ax.plot(x, curves[:, column], color=colour, linewidth=1.5, linestyle=dashes, zorder=2)


def _squeeze(ax: Axes, sizes: Array) -> None:
    """A linear axis near 0 and a logarithmic one beyond, where columns of very different units have the names."""
    positive = sizes[sizes > 0]
    if len(positive) and positive.max() > SPREAD * np.median(positive):
        ax.set_yscale("symlog", linthresh=float(max(np.median(positive), positive.max() / 1e8)))


def _one_history(ax: Axes, history: History, named: NDArray[np.int_], number: int, count: int) -> None:
    """The named weights of one decay in one shade, the stronger the decay the darker."""
    import matplotlib as mpl

    shade = mpl.colormaps["viridis_r"](0.15 + 0.85 * number / max(count - 1, 1))
    label = brief(history.decay) + ("" if history.converged else " (not converged)")
    lines = ax.plot(_flat(history)[:, named], color=shade, linewidth=1.3)
    lines[0].set_label(label)


def _flat(history: History) -> Array:
    """Weights with one column each for every column of every target."""
    return history.weights.reshape(len(history.weights), -1)


def _weight_names(columns: tuple[str, ...], count: int, shape: tuple[int, ...]) -> list[str]:
    """A name for each coefficient: its column, and its target where there are several."""
    names = list(columns) or [f"x{j}" for j in range(shape[-1])]
    several = count // len(names)
    return names if several <= 1 else [f"{name} · target {k + 1}" for k in range(several) for name in names]
