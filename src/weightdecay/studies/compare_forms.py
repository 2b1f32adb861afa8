"""Forms: which kinds of regularisation an estimator can have, and over which settings each is tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sklearn.base import clone

from weightdecay.records.comparison_words import CONSTANT, DECAY, NONE
from weightdecay.studies.fitters import Ours, fitter_of
from weightdecay.studies.penalties import last_step, penalised
from weightdecay.tuning.protocol import Jointly

# Shares of L1 that an elastic net is tried at, and rates of dropout.
MIXES = (0.1, 0.5, 0.9)
RATES = (0.1, 0.25, 0.5)

Decays = Literal["none", "tuned", "infinite"]


@dataclass(frozen=True)
class Form:
    """A kind of regularisation.

    Parameters
    ----------
    name : str
    settings : tuple of int
        Those of the plan that it is chosen from.
    decays : {"none", "tuned", "infinite"}
        What λ may be.
    """

    name: str
    settings: tuple[int, ...]
    decays: Decays


@dataclass(frozen=True, eq=False)
class Plan:
    """What is compared.

    Parameters
    ----------
    settings : tuple of (dict, estimator)
        Parameters that differ, and the clone that has them.
    forms : tuple of Form
    joint : bool
        Whether the settings are trained together.
    note : str
        What was left out, and why.
    """

    settings: tuple[tuple[dict[str, Any], Any], ...]
    forms: tuple[Form, ...]
    joint: bool = False
    note: str = ""

    def of_form(self, form: Form) -> list[Mapping[str, Any]]:
        """Parameters of its settings."""
        return [self.settings[number][0] for number in form.settings]


def forms_of(estimator: Any) -> Plan:
    """The forms that suit an estimator, and the settings that they need.

    Raises
    ------
    ValueError
        It has groups of columns, whose strengths are tuned apart, or no penalty.
    """
    fitter_of(estimator)  # an instance with a penalty
    final, prefix = last_step(estimator)
    if not isinstance(final, Ours):
        return _foreign(estimator)
    if final.get_params().get("decay_groups") is not None:  # type: ignore[attr-defined]
        raise ValueError(
            "decay_groups tunes a strength for every group of columns, and compare one strength for all; leave "
            "decay_groups out, and give wd.tune the groups"
        )
    return _network(estimator) if isinstance(estimator, Jointly) else _linear(estimator, prefix)


def _linear(estimator: Any, prefix: str) -> Plan:
    """No regularisation, weight decay, L1 and the elastic net."""
    name = f"{prefix}l1_ratio"
    settings = _settings(estimator, [{name: 0.0}, {name: 1.0}, *({name: mix} for mix in MIXES)])
    nets = tuple(range(2, len(settings)))
    return Plan(settings, (*_plain(), Form("L1", (1,), "tuned"), Form("elastic net", nets, "tuned"), _constant()))


def _foreign(estimator: Any) -> Plan:
    """What its own penalty is."""
    model = penalised(estimator)
    share = model.l1_ratio
    own = DECAY if share == 0 else "L1" if share == 1 else "elastic net"
    forms = (Form(NONE, (0,), "none"), Form(own, (0,), "tuned"), _constant())
    note = (
        f"{model.kind} was compared in the one form that it has; give wd.LinearRegression() or wd.LogisticRegression() "
        "for weight decay, L1 and the elastic net side by side"
    )
    return Plan(_settings(estimator, [{}]), forms, note=note)


def _network(estimator: Any) -> Plan:
    """No regularisation, weight decay, L1, dropout with and without decay, and early stopping."""
    plain = clone(estimator).set_params(l1_ratio=0.0, dropout=0.0, early_stopping=False)
    rates = tuple(sorted({*RATES, *([estimator.dropout] if estimator.dropout else [])}))
    own = estimator.module is not None
    changes: list[dict[str, Any]] = [{}, {"l1_ratio": 1.0}, {"early_stopping": True}]
    changes += [] if own else [{"dropout": rate} for rate in rates]
    dropped = tuple(range(3, len(changes)))
    forms = [*_plain(), Form("L1", (1,), "tuned")]
    if dropped:
        forms += [Form("dropout", dropped, "none"), Form("dropout + weight decay", dropped, "tuned")]
    forms += [Form("early stopping", (2,), "none"), _constant()]
    note = "dropout was left out: a module of your own has its own layers for that" if own else ""
    return Plan(_settings(plain, changes), tuple(forms), joint=True, note=note)


def _plain() -> tuple[Form, Form]:
    return Form(NONE, (0,), "none"), Form(DECAY, (0,), "tuned")


def _constant() -> Form:
    return Form(CONSTANT, (0,), "infinite")


def _settings(estimator: Any, changes: Sequence[dict[str, Any]]) -> tuple[tuple[dict[str, Any], Any], ...]:
    """Clones with parameters set."""
    return tuple((one, clone(estimator).set_params(**one)) for one in changes)
