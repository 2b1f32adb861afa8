"""Diagnostics of a classifier: values that cannot be written, and their way to JSON and back."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import weightdecay as wd
from show.class_records import class_diagnostics, class_tuning
from weightdecay.records.class_diagnostics import MAX_NUMBERS, read_class_diagnostics
from weightdecay.records.later import Known


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_way_to_json_and_back_is_the_identity(k: int) -> None:
    tuning = class_tuning(k)
    again = wd.Tuning.from_json(tuning.to_json())
    assert again == tuning and again.diagnostics == tuning.diagnostics
    assert isinstance(again.diagnostics, wd.ClassDiagnostics)
    assert again.diagnostics.held_out.calibration == tuning.diagnostics.held_out.calibration
    assert again.to_json() == tuning.to_json()


def test_what_is_not_known_stays_so() -> None:
    found = class_diagnostics(3)
    summary = replace(found.held_out, slope=math.inf, slope_error=math.nan)
    bare = replace(
        found, unpenalised=None, unpenalised_intercept=None, posterior_std=None, sandwich_std=None, held_out=summary
    )
    assert bare != found and found != bare
    tuning = replace(class_tuning(3), later=Known(known_diagnostics=bare))
    told = json.loads(tuning.to_json())["diagnostics"]
    assert told["unpenalised"] is None and told["held_out"]["slope"] == "inf"
    again = read_class_diagnostics(told)
    assert again == bare and again.held_out.slope == math.inf and again.posterior_std is None
    full = replace(found, posterior_std=found.fold_std, sandwich_std=found.fold_std * 2)
    tuning = replace(class_tuning(3), later=Known(known_diagnostics=full))
    assert wd.Tuning.from_json(tuning.to_json()).diagnostics == full


def test_very_many_coefficients_stay_out_of_the_text() -> None:
    found = class_diagnostics(3)
    p = MAX_NUMBERS // 3 + 1
    wide = {name: np.ones((3, p)) for name in ("coef", "fold_low", "fold_high", "fold_std", "unpenalised")}
    found = replace(found, scale=np.ones(p), columns=tuple(map(str, range(p))), **wide)
    tuning = replace(class_tuning(3), later=Known(known_diagnostics=found))
    text = tuning.to_json()
    again = wd.Tuning.from_json(text)
    assert len(text) < 300_000 and again == tuning and again.to_json() == text
    assert again.diagnostics.coef.shape == (3, 0) and again.diagnostics.held_out == found.held_out
    assert again.diagnostics.light() is again.diagnostics


def test_records_cannot_be_written() -> None:
    found = class_diagnostics(2)
    for array in (found.coef, found.held_out.confusion, found.held_out.calibration.observed):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_a_broken_text_is_told() -> None:
    data = json.loads(class_tuning(2).to_json())
    del data["diagnostics"]["held_out"]["confusion"]
    with pytest.raises(ValueError, match=r"not a Tuning .*confusion"):
        wd.Tuning.from_json(json.dumps(data))


def test_it_tells_itself_in_a_line() -> None:
    found = class_diagnostics(3)
    assert repr(found).startswith("ClassDiagnostics(3 classes, 4 columns at decay 0.1, held-out accuracy 0.")
