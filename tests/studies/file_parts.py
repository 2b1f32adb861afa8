"""Saved models taken apart and put together by the library of their format alone, and models compared."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file
from safetensors.numpy import save as raw_save

import weightdecay as wd


def same_bits(one: Any, other: Any) -> bool:
    """Whether two numbers or arrays are the same, bit for bit and in shape."""
    one, other = np.asarray(one), np.asarray(other)
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def same_models(one: wd.LinearRegression, other: wd.LinearRegression) -> bool:
    """Whether two fitted models are the same in all that they show."""
    compared = ("coef_", "intercept_", "decay_", "decay_weights_")
    numbers = all(same_bits(getattr(one, name), getattr(other, name)) for name in compared)
    words = all(getattr(one, name) == getattr(other, name) for name in ("status_", "n_iter_", "n_features_in_"))
    names = [getattr(model, "feature_names_in_", np.array([])).tolist() for model in (one, other)]
    return numbers and words and names[0] == names[1] and one.tuning_ == other.tuning_


def craft(file: Path, document: dict[str, Any], arrays: dict[str, Any]) -> Path:
    """A file with a checksum that is right, whatever else is wrong."""
    text = json.dumps(document)
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    found = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        found.update(f"\0{name}\0{array.shape}\0".encode())
        found.update(array.astype("<f8").tobytes())
    file.write_bytes(raw_save(arrays, {"weightdecay": text, "sha256": found.hexdigest()}))
    return file


def parts(file: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a file holds, read by the library of its format alone."""
    with safe_open(file, "numpy") as opened:
        return json.loads(opened.metadata()["weightdecay"]), load_file(file)
