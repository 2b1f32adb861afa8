"""Saved models: a fitted model in one ``.wd`` file, which is a safetensors file and carries no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from weightdecay.linear.classification import LogisticRegression
from weightdecay.linear.counts import PoissonRegression
from weightdecay.linear.estimators import LinearRegression
from weightdecay.records.tuning import Tuning
from weightdecay.records.whole_files import write_whole
from weightdecay.studies import saved_networks
from weightdecay.studies.saved_labels import packed_labels, unpacked_labels
from weightdecay.studies.saved_parameters import packed, unpacked
from weightdecay.studies.sealed_files import HeaderTooLong, ModelFileError, read_sealed, seal, unseal
from weightdecay.studies.table_model import TableModel
from weightdecay.tables.preflight import quoted

if TYPE_CHECKING:
    from weightdecay.studies.saved_networks import Network

    Saved: TypeAlias = LinearRegression | LogisticRegression | PoissonRegression | Network

Array = NDArray[np.float64]
T = TypeVar("T")

# What can be saved, alone or in a `TableModel`, beside networks.
_ESTIMATORS: Mapping[str, type[Any]] = {
    one.__name__: one for one in (LinearRegression, LogisticRegression, PoissonRegression)
}
# Arrays of a fitted model beside coefficients, intercept and decay, which only some have.
_MORE = ("decay_weights",)

_PARAMETER = "parameter."  # begins the name of an array that is a parameter
_UNFIT = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


def save(model: Saved | TableModel | Tuning, path: str | Path) -> Path:
    """Save a fitted model in one file.

    The file is in the safetensors format: coefficients, intercept and decay in float64, or the weights and buffers of a
    network, and one JSON text with the parameters, the column names, the encoding of a table and the `Tuning`, if there
    was one. Nothing in it is code. It is written wholly or, if anything fails, not at all, and what was there before is
    untouched.

    Parameters
    ----------
    model : LinearRegression, LogisticRegression, PoissonRegression, a network, TableModel or Tuning
        Fitted. Of a `Tuning` its ``model`` is saved, with the `Tuning` itself as ``tuning_``.
    path : str or Path
        The file, by custom with the suffix ``.wd``; replaced if it is there.

    Returns
    -------
    Path
        The file's absolute path, links followed.

    Raises
    ------
    ValueError
        For what cannot be saved: another estimator, one that is not fitted or not finite, or a `Tuning` without its
        data.
    OSError
        The file cannot be written.

    Notes
    -----
    Parameters that are functions or objects (``rule=`` a function, ``cv=`` a splitter, ``scoring=`` a callable) are
    kept as words alone: a loaded model predicts as before, says what they were, and refuses to be fitted again until
    they are set. ``history_`` is not kept.

    Examples
    --------
    >>> import pathlib, tempfile, weightdecay as wd
    >>> model = wd.LinearRegression(decay=0.1).fit([[1.0], [2.0], [4.0]], [1.0, 3.0, 5.0])
    >>> file = wd.save(model, pathlib.Path(tempfile.mkdtemp()) / "model.wd")
    >>> file.name, wd.load(file).predict([[3.0]]) == model.predict([[3.0]])
    ('model.wd', array([ True]))
    """
    model, tuning = _what_is_saved(model)
    known = tuning.to_dict() if tuning is not None else None
    try:
        try:
            content = _content(model, known)
        except HeaderTooLong:
            content = _content(model, known and _without_paths(known))
        _model(*unseal(content), _factory(model))  # what would not be read again is not written
    except _UNFIT as error:
        raise ValueError(f"this model cannot be saved: it {error}") from None
    return write_whole(path, content)


def load(path: str | Path, module: Any = None) -> Saved | TableModel:
    """Load a model that `save` wrote.

    Nothing of the file is run, and every part of it is checked, the numbers by a checksum.

    Parameters
    ----------
    path : str or Path
    module : callable, optional
        What makes the module of a network that was fitted with ``module=``; no file holds it, and nothing else needs
        it.

    Returns
    -------
    LinearRegression, LogisticRegression, PoissonRegression, NetworkRegressor, NetworkClassifier or TableModel
        Predicts bit for bit as the one that was saved; its ``tuning_`` is the `Tuning` or None.

    Raises
    ------
    ModelFileError
        A `ValueError`: the file holds no model, is damaged, is of a newer format than this version reads, or holds a
        network and PyTorch or its ``module`` is missing.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile, weightdecay as wd
    >>> X, y = [[1.0], [2.0], [3.0], [5.0]], [1.0, 3.0, 2.0, 6.0]
    >>> tuning = wd.tune(wd.LinearRegression(), X, y, decays=[0.1, 1.0])
    >>> model = wd.load(wd.save(tuning, pathlib.Path(tempfile.mkdtemp()) / "model.wd"))
    >>> model.decay_, model.tuning_ == tuning
    (0.1, True)
    """
    where = f"model file {quoted(str(path), 200)}"
    try:
        return _model(*read_sealed(path), module)
    except FileNotFoundError:
        raise FileNotFoundError(f"{where} does not exist; check the name and the folder") from None
    except OSError as error:
        raise type(error)(f"{where} cannot be read ({error.strerror}); check its name and permissions") from None
    except _UNFIT as error:
        raise ModelFileError(f"{where} {error}") from None


def _what_is_saved(given: Any) -> tuple[Saved | TableModel, Tuning | None]:
    """The fitted model that was given or tuned, and its `Tuning`."""
    model, tuning = (given.model, given) if isinstance(given, Tuning) else (given, None)
    inner = model.estimator if type(model) is TableModel else model
    network = saved_networks.is_network(type(inner))
    if not network and type(inner) not in _ESTIMATORS.values():
        name = inner.__name__ if isinstance(inner, type) else type(inner).__name__
        if tuning is not None:
            raise ValueError(
                f"this Tuning's model is a {name}, which wd.save does not know; keep the Tuning as text "
                "(tuning.to_json()) and the model with its own library's means"
            )
        raise ValueError(
            f"wd.save was given {name}; it saves a fitted {', '.join((*_ESTIMATORS, *saved_networks.NETWORKS))}, a "
            "TableModel or a Tuning; save other estimators with their own library's means (for scikit-learn skops or "
            "joblib)"
        )
    if not hasattr(inner, "module_" if network else "coef_"):
        kind = type(inner).__name__
        raise ValueError(f"this {kind} is not fitted; call fit(X, y) first, or give what wd.tune returned")
    return model, inner.tuning_ if tuning is None else tuning


def _factory(model: Saved | TableModel) -> Any:
    """What makes the module of a network that is none of layers."""
    inner: Any = model.estimator if isinstance(model, TableModel) else model
    if not saved_networks.is_network(type(inner)) or saved_networks.taken_apart(inner)[0]["made"] != "module":
        return None
    return inner.module


def _content(model: Saved | TableModel, tuning: dict[str, Any] | None) -> bytes:
    """The bytes of the file, with a `Tuning` as JSON types."""
    table = model if isinstance(model, TableModel) else None
    inner: Any = model.estimator if isinstance(model, TableModel) else model
    plain, arrays = packed(inner.get_params(deep=False))
    names = getattr(inner, "feature_names_in_", None)
    columns = {
        "n_features_in": int(inner.n_features_in_),
        "feature_names_in": None if names is None else [str(name) for name in names],
    }
    document = {
        "class": type(model).__name__,
        "target": table.target if table is not None else "",
        "encoder": table.encoder.to_dict() if table is not None else None,
        "parameters": plain,
        "tuning": tuning,
    }
    if type(inner) is not LinearRegression:
        classes = getattr(inner, "classes_", None)
        labels = None if classes is None else packed_labels(classes)
        document["estimator"] = {"class": type(inner).__name__, "classes": labels}
    if saved_networks.is_network(type(inner)):
        document["network"], numbers = saved_networks.taken_apart(inner)
        document["fitted"] = {**columns, "n_iter": int(inner.n_iter_)}
    else:
        order = "C" if inner.coef_.flags.c_contiguous else "F"
        document["fitted"] = {**columns, "order": order, "status": str(inner.status_), "n_iter": int(inner.n_iter_)}
        numbers = {"coef": inner.coef_, "intercept": inner.intercept_, "decay": inner.decay_}
        numbers |= {name: getattr(inner, f"{name}_") for name in _MORE if hasattr(inner, f"{name}_")}
    return seal(document, numbers | {_PARAMETER + name: array for name, array in arrays.items()})


def _without_paths(tuning: dict[str, Any]) -> dict[str, Any]:
    """A `Tuning` as JSON types that keeps no coefficients of other decays."""
    return {**tuning, "path": None, "targets": [_without_paths(one) for one in tuning["targets"]]}


_KNOWN = (*_ESTIMATORS, *saved_networks.NETWORKS)
_DUE = {"class", "target", "encoder", "parameters", "fitted", "tuning"}


def _model(document: dict[str, Any], arrays: dict[str, Array], module: Any = None) -> Saved | TableModel:
    """The model that a file says; raises what is among `_UNFIT`, with a sentence that lacks the file's name."""
    if wrong := _DUE ^ (set(document) - {"estimator", "network"}):
        raise ValueError(f"lacks or adds {min(wrong)[:40]!r}; save the model again")
    kind, tables = _typed(document, "class", str), {**dict.fromkeys(_KNOWN, False), "TableModel": True}
    if kind not in tables or tables[kind] != isinstance(document["encoder"], dict):
        raise ValueError(f"holds a {kind[:40]!r} that this version of weightdecay does not know")
    try:
        estimator = _estimator(document, arrays, module)
        if not tables[kind]:
            return estimator
        return TableModel(estimator, _encoder(document["encoder"]), _typed(document, "target", str))
    except ValueError:
        raise
    except _UNFIT as error:
        raise ValueError(f"holds what is no model ({type(error).__name__}: {error!s:.120}); save it again") from None


def _kind(document: Mapping[str, Any]) -> tuple[type[Any], NDArray[Any] | None]:
    """The class of the estimator, and of a classifier its labels."""
    if "estimator" not in document:
        named: dict[str, Any] = {"class": "LinearRegression", "classes": None}
    else:
        named = _typed(document, "estimator", dict)
    name = _typed(named, "class", str)
    if name not in _KNOWN or document["class"] not in (name, "TableModel"):
        raise ValueError(f"holds a {name[:40]!r} that this version of weightdecay does not know")
    kind = _ESTIMATORS[name] if name in _ESTIMATORS else saved_networks.network_class(name)
    if (named.get("classes") is None) == is_classifier(kind()):
        raise ValueError(f"holds a {name} {'without' if is_classifier(kind()) else 'with'} classes; save it again")
    return kind, None if named.get("classes") is None else unpacked_labels(named["classes"])


def _estimator(document: Mapping[str, Any], arrays: Mapping[str, Array], module: Any) -> Saved:
    """A fitted estimator."""
    kind, classes = _kind(document)
    own = {name: array for name, array in arrays.items() if not name.startswith(_PARAMETER)}
    parameters = {name.removeprefix(_PARAMETER): array for name, array in arrays.items() if name not in own}
    given = unpacked(_typed(document, "parameters", dict), parameters)
    if unknown := sorted(set(given) - set(kind().get_params())):
        raise ValueError(f"has a parameter {unknown[0][:40]!r}, which {kind.__name__} lacks; upgrade weightdecay")
    model: Any = kind(**given)
    fitted = _typed(document, "fitted", dict)
    model.n_features_in_ = _typed(fitted, "n_features_in", int)
    if fitted.get("feature_names_in") is not None:
        model.feature_names_in_ = np.array(_names(fitted, model.n_features_in_), dtype=object)
    if classes is not None:
        model.classes_ = classes
    model.n_iter_ = _typed(fitted, "n_iter", int)
    model.history_, model.tuning_ = None, _tuning(document["tuning"])
    if saved_networks.is_network(kind):
        saved_networks.put_together(model, document.get("network"), own, module)
    elif module is not None or "network" in document:
        raise ValueError(f"holds a {kind.__name__}, which has no module; leave module= out, or save the model again")
    else:
        _put_coefficients(model, own, fitted, classes)
    found: Saved = model
    return found


def _put_coefficients(
    model: Any, own: Mapping[str, Array], fitted: Mapping[str, Any], classes: NDArray[Any] | None
) -> None:
    """Give a linear model its numbers."""
    if set(own) - set(_MORE) != {"coef", "intercept", "decay"}:
        raise ValueError("holds other arrays than coef, intercept and decay; save the model again")
    _check_numbers(own, model.n_features_in_, classes)
    coef, intercept, decay = own["coef"], own["intercept"], own["decay"]
    model.coef_ = np.array(coef, order="F" if _typed(fitted, "order", str) == "F" else "C")
    model.intercept_ = float(intercept) if intercept.ndim == 0 else intercept
    model.decay_ = float(decay) if decay.ndim == 0 else decay
    model.status_ = _typed(fitted, "status", str)
    for name in set(own) & set(_MORE):
        setattr(model, f"{name}_", own[name])


def _check_numbers(own: Mapping[str, Array], p: int, classes: NDArray[Any] | None) -> None:
    """Coefficients of p columns (and classes), an intercept and a decay that go with them, all of them finite."""
    coef, intercept, decay = own["coef"], own["intercept"], own["decay"]
    targets = coef.shape[:-1]
    if coef.ndim not in (1, 2) or coef.shape[-1] != p or not coef.size:
        raise ValueError(f"has coefficients of shape {coef.shape}, which do not go with {p} columns")
    if classes is not None and targets != (1 if len(classes) == 2 else len(classes),):
        raise ValueError(f"has coefficients of shape {coef.shape}, which do not go with {len(classes)} classes")
    if any(own[name].shape != (p,) or not (own[name] >= 0).all() for name in set(own) & set(_MORE)):
        raise ValueError(f"has weights of the decay that are not {p} numbers of at least 0")
    if intercept.shape != targets or decay.shape not in ((), targets):
        raise ValueError(
            f"has coefficients of shape {coef.shape}, but {intercept.size} intercepts and {decay.size} decays"
        )
    if not (np.isfinite(coef).all() and np.isfinite(intercept).all() and (decay >= 0).all()):
        raise ValueError("has coefficients that are not finite, or a decay that is not at least 0")


def _names(fitted: Mapping[str, Any], p: int) -> list[str]:
    """Names of p columns."""
    names = _typed(fitted, "feature_names_in", list)
    if len(names) != p or not all(isinstance(name, str) for name in names):
        raise ValueError(f"has {len(names)} names of columns, which are not {p} texts")
    return names


def _encoder(plain: dict[str, Any]) -> Any:
    """What turns tables into columns."""
    from weightdecay.tables.encoder import Encoder

    try:
        return Encoder.from_dict(plain)
    except _UNFIT as error:
        raise ValueError(f"holds an encoding of a table that cannot be read ({error!s:.200})") from None


def _tuning(plain: Any) -> Tuning | None:
    """The record of a search, if there was one."""
    if plain is None:
        return None
    try:
        return Tuning.from_json(json.dumps(plain))
    except _UNFIT as error:
        raise ValueError(f"holds a Tuning that cannot be read ({error!s:.200})") from None


def _typed(document: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """An entry of a type; True is no number."""
    value = document.get(name)
    if type(value) is not kind:
        raise ValueError(f"has {name} of type {type(value).__name__} where {kind.__name__} is due")
    return value
