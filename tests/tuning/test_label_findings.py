"""Findings on the labels of classes, from the thresholds on."""

from __future__ import annotations

import numpy as np
import pytest

from weightdecay.tuning.label_findings import FEW_ROWS, RARE, findings_of_labels, label_findings


def codes(names: list[str], counts: list[int]) -> list[str]:
    """Codes of what is told."""
    return [one.code for one in label_findings(names, np.array(counts))]


@pytest.mark.parametrize(
    ("counts", "severity"),
    [([10, 10], None), ([9, 10], "warning"), ([100, 9900], None), ([99, 9901], "info"), ([9, 9991], "warning")],
)
def test_a_class_of_few_rows(counts: list[int], severity: str | None) -> None:
    found = label_findings(["a", "b"], np.array(counts))
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_the_rarest_come_first_and_a_single_row_is_told() -> None:
    (one,) = label_findings(list("abcdefgh"), np.array([5, 1, 300, 4, 3, 2, 2, 400]))
    assert one.message.startswith("6 classes have few rows: 'b' 1 of 717, 'f' 2 of 717, 'g' 2 of 717, 'e' 3 of 717")
    assert one.message.endswith("and 1 more; a class of a single row is never held out")


def test_labels_that_differ_by_capitals_or_blanks() -> None:
    assert codes(["Yes", "no", "yes"], [50, 50, 50]) == ["WD026"]
    assert codes(["Yes", "no"], [50, 50]) == []
    (one,) = findings_of_labels(np.array(["x" * 90, "X" * 90] * 20))
    assert len(one.message) < 200 and "…" in one.message


def test_thresholds_are_those_of_the_explanation() -> None:
    from weightdecay.records.codes import explain

    assert f"fewer than {FEW_ROWS} rows" in explain("WD025").evidence
    assert f"fewer than {100 * RARE:g} %" in explain("WD025").evidence
