"""What groups' strengths say: in the record, in the verdict's line, in JSON and in findings."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import weightdecay as wd
from show.records import tuning as record
from weightdecay.records.group_words import group_line, times
from weightdecay.records.grouping import Extreme, Group, Grouping, read_grouping
from weightdecay.tuning.group_findings import group_findings

GROUPING = Grouping(
    groups=(Group("noise", 100, 3.1), Group("signal", 10, 0.01), Group("rest", 2, 0.5)),
    loss=0.88,
    single_loss=1.0,
    single_decay=0.02,
    paired=0.04,
    cv="5 folds",
    evaluations=87,
    converged=True,
)


def with_extremes(*extremes: Extreme) -> Grouping:
    """The same groups, asking for what is given."""
    return replace(
        GROUPING, groups=tuple(replace(g, extreme=e) for g, e in zip(GROUPING.groups, extremes, strict=True))
    )


ALIKE = replace(GROUPING, groups=(Group("a", 1, 1.0), Group("b", 2, 1.0)), loss=1.0)
CHANGE = "against one decay for all the held-out loss changes by -12 % (3.0 standard errors)."


@pytest.mark.parametrize(
    ("grouping", "line"),
    [
        (GROUPING, f"the strength of 'noise' is 310 × that of 'signal'; {CHANGE}"),
        (
            with_extremes("infinite", "", ""),
            "the strength of 'noise' is at least 310 × that of 'signal'; 'noise' is of no use (infinite decay does as "
            f"well); {CHANGE}",
        ),
        (
            with_extremes("infinite", "none", "infinite"),
            "the strength of 'noise' is at least 310 × that of 'signal'; 'noise', 'rest' are of no use (infinite decay "
            f"does as well); 'signal' needs no decay; {CHANGE}",
        ),
        (
            with_extremes("any", "", ""),
            "the strength of 'rest' is 50 × that of 'signal'; 'noise' does not care how much it is decayed; " + CHANGE,
        ),
        (with_extremes("any", "", "any"), f"'noise', 'rest' do not care how much they are decayed; {CHANGE}"),
        (ALIKE, "one decay for all does as well as strengths of their own."),
        (replace(GROUPING, groups=GROUPING.groups[:1]), "'noise' is the only one, so that one decay serves all."),
    ],
)
def test_the_line_of_the_verdict(grouping: Grouping, line: str) -> None:
    assert group_line(grouping) == f"Groups of columns: {line}"


def test_gains_are_told_with_their_error_where_it_is_known() -> None:
    told = group_line(replace(GROUPING, loss=0.9934, paired=np.nan))
    assert told.endswith("the held-out loss changes by -0.66 %.")


@pytest.mark.parametrize(
    ("value", "text"), [(1.34, "1.3"), (9.96, "10"), (310.4, "310"), (26543, "27,000"), (3e7, "3e+07")]
)
def test_times(value: float, text: str) -> None:
    assert times(value) == text


def test_json_there_and_back() -> None:
    for grouping in (with_extremes("infinite", "none", "any"), replace(GROUPING, paired=np.inf), ALIKE):
        assert read_grouping(json.loads(json.dumps(grouping.to_dict()))) == grouping
    assert read_grouping(None) is None
    with pytest.raises(ValueError, match="a group has extreme 'some'"):
        read_grouping(
            GROUPING.to_dict() | {"groups": [{"name": "a", "columns": 1, "strength": 1.0, "extreme": "some"}]}
        )


def test_a_tuning_keeps_it_and_tells_every_groups_decay() -> None:
    tuning = replace(record(), grouping=GROUPING)
    back = wd.Tuning.from_json(tuning.to_json())
    assert back == tuning and back.grouping == GROUPING
    assert back.groups == {"noise": tuning.decay * 3.1, "signal": tuning.decay * 0.01, "rest": tuning.decay * 0.5}
    assert json.loads(tuning.to_json())["groups"] == back.groups
    assert back.verdict.splitlines()[-1] == group_line(GROUPING)
    assert replace(record(), grouping=None).groups == {}


def test_other_tools_get_divided_columns() -> None:
    assert "divided by the root of decay_weights_: " in replace(record(), grouping=GROUPING).verdict
    assert "decay_weights_" not in replace(record(), grouping=ALIKE).verdict


def test_the_record_says_what_was_gained() -> None:
    assert GROUPING.gain == pytest.approx(0.12) and not GROUPING.alike and ALIKE.alike
    assert [one.name for one in with_extremes("infinite", "none", "").useful] == ["signal", "rest"]


def told(grouping: Grouping, rows: int = 60) -> dict[str, wd.Finding]:
    return {one.code: one for one in group_findings(replace(record(), grouping=grouping, n_rows=rows))}


def test_strengths_far_apart_and_groups_of_no_use_are_told() -> None:
    close = replace(GROUPING, groups=(Group("a", 1, 1.0), Group("b", 2, 99.0)))
    assert "WD023" not in told(close)
    assert told(GROUPING)["WD023"].message == "the strength of 'noise' is 310 × that of 'signal'"
    useless = replace(close, groups=(close.groups[0], replace(close.groups[1], extreme="infinite")))
    assert "'b' is of no use" in told(useless)["WD023"].message


def test_strengths_that_are_not_sure_are_told() -> None:
    assert "WD024" not in told(GROUPING)
    assert told(GROUPING, 59)["WD024"].message == "3 strengths were tuned on 59 rows"
    assert told(GROUPING, 59)["WD024"].severity == "warning"
    little = told(replace(GROUPING, paired=0.13))["WD024"]
    assert little.severity == "info" and little.message == (
        "one decay does as well: against one decay for all the held-out loss changes by -12 % (0.9 standard errors), "
        "within one paired standard error"
    )
    assert told(ALIKE)["WD024"].message == (
        "one decay does as well: against one decay for all the held-out loss changes by nothing"
    )
    assert told(replace(GROUPING, groups=GROUPING.groups[:1]), 10) == {}
    assert "WD024" not in told(replace(GROUPING, paired=np.nan))
