"""Why decay works, measured on the user's own data: `wd.why`."""

from __future__ import annotations

from weightdecay.studies.why.bias_variance import bias_variance
from weightdecay.studies.why.double_descent import double_descent
from weightdecay.studies.why.explaining import explain
from weightdecay.studies.why.learning_curve import learning_curve
from weightdecay.studies.why.noise import noise
from weightdecay.studies.why.sensitivity import sensitivity

__all__ = ["bias_variance", "double_descent", "explain", "learning_curve", "noise", "sensitivity"]
