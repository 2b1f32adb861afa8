"""Saved models: what comes back is what was saved, and a file that is not one is a sentence."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save as raw_save
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from studies.file_parts import craft, parts, same_bits, same_models
from weightdecay.studies import sealed_files
from weightdecay.studies.sealed_files import seal, unseal

COLUMNS = ["größe", "=cmd()|'x'!A1", "a\nb\u202e", "\ud800"]  # the last is half a letter, as broken data have it


def problem(t: int = 1, p: int = 4, n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and one or several targets."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, p)) * 10.0 ** rng.integers(-3, 4, p)
    Y = X @ rng.standard_normal((p, t)) + rng.standard_normal((n, t))
    return X, Y[:, 0] if t == 1 else Y


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A file with a model of four columns with names."""
    X, y = problem()
    model = wd.LinearRegression(decay=0.1).fit(pd.DataFrame(X, columns=list("abcd")), y)
    return wd.save(model, tmp_path / "model.wd")


@pytest.mark.parametrize("t", [1, 3])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"decay": 0.1},
        {"decay": np.inf},
        {"decay": 0, "fit_intercept": False},
        {"standardize": False, "cv": 5, "rule": "1se", "random_state": 3, "tolerance": 0.05},
        {"decay": 0.1, "solver": "gradient_descent", "epochs": 3, "standardize": True},
        {"decays": (0.0, 0.1, np.inf), "cv": "loo"},
        {"decays": np.array([0.1, 1.0]), "decay_weights": [1, 0, 2.5, 1], "scoring": "r2"},
    ],
    ids=lambda settings: ",".join(settings) or "default",
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_model_comes_back_as_it_was(t: int, settings: dict[str, Any], tmp_path: Path) -> None:
    X, y = problem(t)
    model = wd.LinearRegression(**settings).fit(X, y)
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert type(back) is wd.LinearRegression and same_models(model, back)
    assert type(back.intercept_) is type(model.intercept_) and type(back.decay_) is type(model.decay_)
    assert back.history_ is None and not hasattr(back, "feature_names_in_")
    new = np.random.default_rng(8).standard_normal((501, 4))
    assert same_bits(back.predict(new), model.predict(new)) and same_bits(back.predict(new[:1]), model.predict(new[:1]))
    assert back.coef_.flags.writeable and back.coef_.flags.f_contiguous == model.coef_.flags.f_contiguous
    for name, value in model.get_params().items():
        assert type(back.get_params()[name]) is type(value)
        assert np.array_equal(back.get_params()[name], value), name
    refitted = back.fit(X, y)
    assert same_bits(refitted.coef_, model.coef_)


def test_targets_with_a_decay_each(tmp_path: Path) -> None:
    X, Y = problem(3)
    model = wd.LinearRegression(decay=[0.1, 1.0, 0.0], centre=np.ones((3, 4), dtype=np.float32)).fit(X, Y)
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert same_models(model, back) and back.decay == [0.1, 1.0, 0.0]
    assert same_bits(back.centre, model.centre)


def test_hostile_names_come_back(tmp_path: Path) -> None:
    X, y = problem()
    frame = pd.DataFrame(X)
    frame.columns = pd.Index(COLUMNS, dtype=object)
    model = wd.LinearRegression(decay=0.1).fit(frame, y)
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert back.feature_names_in_.tolist() == COLUMNS and back.feature_names_in_.dtype == object
    assert same_bits(back.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        back.predict(frame[COLUMNS[::-1]])


def test_a_tuning_is_saved_with_its_model(tmp_path: Path) -> None:
    X, y = problem()
    tuning = wd.tune(wd.LinearRegression(decay_weights=pd.Series([1.0, 0.0, 1.0, 1.0])), X, y, cv=5)
    back = wd.load(wd.save(tuning, tmp_path / "model.wd"))
    assert back.tuning_ == tuning and back.tuning_.to_json() == tuning.to_json()
    assert same_bits(back.coef_, tuning.model.coef_) and back.decay_ == tuning.decay
    assert back.decay_weights.tolist() == [1.0, 0.0, 1.0, 1.0]
    again = wd.load(wd.save(back, tmp_path / "again.wd"))  # from a Tuning that holds no data any more
    assert same_models(again, back)


def test_a_fit_that_tuned_keeps_its_tuning(tmp_path: Path) -> None:
    X, Y = problem(2)
    model = wd.LinearRegression(decays=[0.1, 1.0]).fit(X, pd.DataFrame(Y, columns=["u", "v"]))
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert back.tuning_ == model.tuning_ and [one.target_names for one in back.tuning_.targets] == [("u",), ("v",)]


def test_the_format_is_plain_safetensors_with_one_json_text(saved: Path) -> None:
    document, arrays = parts(saved)
    model = wd.load(saved)
    assert set(arrays) == {"coef", "intercept", "decay", "decay_weights"}
    assert all(one.dtype == "<f8" for one in arrays.values())
    assert same_bits(arrays["coef"], model.coef_) and float(arrays["intercept"]) == model.intercept_
    assert (document["format"], document["library"]) == (1, wd.__version__)
    assert (document["class"], document["encoder"], document["tuning"]) == ("LinearRegression", None, None)
    assert document["fitted"]["feature_names_in"] == list("abcd")


def test_what_json_lacks_stays_as_words_that_no_fit_accepts(tmp_path: Path) -> None:
    X, y = problem()

    def largest(decays: np.ndarray, mean: np.ndarray, error: np.ndarray) -> float:
        return float(decays[-1])

    for name, value, words in (
        ("cv", KFold(3, shuffle=True, random_state=1), "KFold(n_splits=3, random_state=1, shuffle=True)"),
        ("rule", largest, f"{__name__}.{largest.__qualname__}"),
        ("cv", [(np.arange(20), np.arange(20, 30))], "list of 1"),
        ("random_state", np.random.RandomState(0), "RandomState"),
    ):
        settings = {"decays": [0.1, 1.0], "cv": 5, name: value}
        model = wd.LinearRegression(**settings).fit(X, y)
        back = wd.load(wd.save(model, tmp_path / "model.wd"))
        kept = getattr(back, name)
        assert isinstance(kept, str) and words in kept and kept.endswith(" (not stored in the file)")
        assert same_models(model, back)
        with pytest.raises(ValueError, match="not stored in the file"):
            back.fit(X, y)
        back.set_params(**{name: value}).fit(X, y)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (lambda X, y: wd.LinearRegression(), "not fitted; call fit"),
        (lambda X, y: wd.LinearRegression, "given LinearRegression; it saves a fitted LinearRegression"),
        (lambda X, y: type("Mine", (wd.LinearRegression,), {})(decay=1.0).fit(X, y), "was given Mine; it saves"),
        (lambda X, y: Ridge().fit(X, y), "Ridge; .* skops or joblib"),
        (lambda X, y: make_pipeline(StandardScaler(), wd.LinearRegression(decay=1.0)).fit(X, y), "was given Pipeline"),
        (lambda X, y: {"coef": [1.0]}, "was given dict"),
        (
            lambda X, y: wd.tune(Ridge(), X, y, decays=[1.0]),
            "this Tuning's model is a Ridge, .* keep the Tuning as text",
        ),
        (lambda X, y: wd.tune(wd.LinearRegression(), X, y).settled(), "holds no model; fit the estimator"),
    ],
)
def test_what_cannot_be_saved_is_a_sentence_and_no_file(given: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        wd.save(given(*problem()), tmp_path / "model.wd")
    assert "\n" not in str(caught.value) and os.listdir(tmp_path) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_coefficients_that_are_not_finite_are_not_saved(value: float, tmp_path: Path) -> None:
    model = wd.LinearRegression(decay=1.0).fit(*problem())
    model.coef_[2] = value
    with pytest.raises(ValueError, match="cannot be saved: it has coefficients that are not finite"):
        wd.save(model, tmp_path / "model.wd")
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = saved.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, step, full)
            with pytest.raises(OSError, match=r"^cannot write to '.*model\.wd': No space left on device; name"):
                wd.save(wd.LinearRegression(decay=2.0).fit(*problem()), saved)
        assert saved.read_bytes() == old and os.listdir(saved.parent) == ["model.wd"]


def test_an_old_file_is_replaced_links_and_permissions_kept(saved: Path) -> None:
    saved.chmod(0o600)
    link = saved.with_name("link.wd")
    link.symlink_to(saved)
    model = wd.LinearRegression(decay=2.0).fit(*problem())
    assert wd.save(model, str(link)) == saved.resolve()
    assert link.is_symlink() and stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert wd.load(link).decay_ == 2.0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        *(("", "is a folder"), ("no/a.wd", "there is no folder"), ("a\0.wd", "null"), ("a" * 300, "too long")),
        *(("pipe", "not a regular file"), ("old/a.wd", "there is no folder")),
    ],
)
def test_a_path_that_cannot_be_written_is_a_sentence(name: str, told: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "old").write_text("")
    with pytest.raises(OSError, match=f"^cannot write to .*{told}.*name", check=lambda one: one.errno is None):
        wd.save(wd.LinearRegression(decay=1.0).fit(*problem()), f"{tmp_path}/{name}")
    assert sorted(os.listdir(tmp_path)) == ["old", "pipe"]


def test_an_interruption_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = saved.read_bytes()
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        wd.save(wd.LinearRegression(decay=2.0).fit(*problem()), saved)
    assert saved.read_bytes() == old and os.listdir(saved.parent) == ["model.wd"]


def test_a_tuning_whose_data_were_changed_is_not_saved(tmp_path: Path) -> None:
    X, y = problem()
    tuning = wd.tune(wd.LinearRegression(decays=[0.1, 1.0]), X, y)
    X[3] += 1.0
    with pytest.raises(ValueError, match="changed since"):
        wd.save(tuning, tmp_path / "model.wd")
    assert os.listdir(tmp_path) == []


def refused(file: Path) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(ValueError) as caught:
        wd.load(file)
    assert type(caught.value) is wd.ModelFileError
    sentence = str(caught.value)
    assert sentence.startswith(f"model file {str(file)!r} ") and sentence.isprintable() and len(sentence) < 700
    return sentence


@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\n", b"a,b,y\n1,2,3\n", b"PK\x03\x04" + bytes(40), bytes(8), bytes(4000), b"\x02" + bytes(7) + b"[]"],
)
def test_what_is_no_model_is_told(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.wd"
    file.write_bytes(content)
    assert "no model of weightdecay" in refused(file)


def test_other_safetensors_are_told(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    file.write_bytes(raw_save({"weight": np.zeros((2, 2), dtype=np.float32)}, {"format": "pt"}))
    assert "is a safetensors file, but no model of weightdecay" in refused(file)


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"'.*none\.wd' does not exist", check=lambda one: one.errno is None):
        wd.load(tmp_path / "none.wd")
    assert "is a folder" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe.wd")  # opening it would wait for ever
    assert "is a device" in refused(tmp_path / "pipe.wd")
    with pytest.raises(ValueError, match="null"):
        wd.load("a\0b")


def test_a_file_cut_anywhere_is_refused(saved: Path) -> None:
    content = saved.read_bytes()
    short = saved.with_name("short.wd")
    for length in range(len(content)):
        short.write_bytes(content[:length])
        refused(short)
    short.write_bytes(content + b"\0")
    assert f"has {len(content) + 1:,} bytes where its header says {len(content):,}" in refused(short)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_no_flipped_byte_changes_a_model_unseen(saved: Path, mask: int) -> None:
    content, model = saved.read_bytes(), wd.load(saved)
    length = int.from_bytes(content[:8], "little")
    other, accepted = saved.with_name("other.wd"), 0
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= mask
        other.write_bytes(flipped)
        try:
            back = wd.load(other)
        except wd.ModelFileError as error:
            assert str(error).isprintable()
        else:
            accepted += 1
            assert same_models(back, model) and place < 8 + length
    assert accepted < 20  # such as the spaces after the header


@pytest.mark.parametrize("seed", range(3))
def test_a_file_with_a_tuning_and_random_damage(seed: int, tmp_path: Path) -> None:
    X, y = problem(p=2, n=12)
    file = wd.save(wd.tune(wd.LinearRegression(decays=[0.1, 1.0]), X, y), tmp_path / "model.wd")
    content, model, rng = file.read_bytes(), wd.load(file), np.random.default_rng(seed)
    for _ in range(200):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        start, stop = np.sort(rng.integers(0, len(content), 2))
        file.write_bytes(damaged if rng.random() < 0.7 else content[:start] + content[stop:])
        try:
            assert same_models(wd.load(file), model)
        except wd.ModelFileError as error:
            assert str(error).isprintable()


def changed(path: tuple[str, ...], value: Any) -> Any:
    """A function that sets a place of a document."""

    def change(document: dict[str, Any], arrays: dict[str, Any]) -> None:
        for name in path[:-1]:
            document = document[name]
        document[path[-1]] = value

    return change


def array(name: str, value: Any) -> Any:
    """A function that sets an array."""
    return lambda document, arrays: arrays.update({name: np.asarray(value, dtype=np.float64)})


DEEP: list[Any] = []
for _ in range(500):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed(("format",), "1"), "does not say its format"),
        (changed(("format",), True), "does not say its format"),
        (changed(("format",), 0), "format 0, which there never was"),
        (changed(("library",), None), "does not say its format"),
        (changed(("class",), "os.system"), "holds a 'os.system' that this version"),
        (changed(("class",), ["LinearRegression"]), "has class of type list where str is due"),
        (changed(("class",), "TableModel"), "holds a 'TableModel' that this version"),
        (changed(("encoder",), {}), "holds a 'LinearRegression' that this version"),
        (changed(("more",), 1), "lacks or adds 'more'"),
        (changed(("parameters",), [1]), "has parameters of type list where dict is due"),
        (changed(("parameters", "C"), 1), "has a parameter 'C', which LinearRegression lacks"),
        (changed(("parameters", "__class__"), 1), "has a parameter '__class__', which"),
        (changed(("parameters", "cv"), {"object": "KFold"}), "has a parameter 'cv' in no known form"),
        (changed(("parameters", "cv"), {"words": "loo"}), "has a parameter 'cv' in no known form"),
        (changed(("parameters", "cv"), {"number": "1"}), "has a parameter 'cv' in no known form"),
        (changed(("parameters", "cv"), {"dict": [1]}), "has a parameter 'cv' in no known form"),
        (changed(("parameters", "cv"), {}), "has a parameter 'cv' in no known form"),
        (changed(("parameters", "centre"), {"array": "float64"}), "lacks the array of the parameter 'centre'"),
        (array("parameter.centre", [1.0]), "holds an array of the parameter 'centre', which is none"),
        (array("parameter.\x1b[31m", [1.0]), "holds an array of the parameter"),
        (array("more", [1.0]), "other arrays than coef, intercept and decay"),
        (array("coef", np.ones(3)), r"coefficients of shape \(3,\), which do not go with 4 columns"),
        (array("coef", np.ones((2, 4))), r"shape \(2, 4\), but 1 intercepts and 1 decays"),
        (array("coef", np.ones((0, 4))), "do not go with 4 columns"),
        (array("coef", [1.0, np.nan, 1.0, 1.0]), "not finite"),
        (array("coef", [1.0, np.inf, 1.0, 1.0]), "not finite"),
        (array("intercept", np.inf), "not finite"),
        (array("intercept", [1.0]), "1 intercepts"),
        (array("decay", [1.0]), "1 decays"),
        (array("decay", -1.0), "not at least 0"),
        (array("decay", np.nan), "not at least 0"),
        (lambda document, arrays: arrays.pop("decay"), "other arrays than"),
        (lambda document, arrays: arrays.update(coef=arrays["coef"].astype(np.float32)), r"than float64 \(F64\)"),
        (lambda document, arrays: arrays.update(coef=np.zeros((1, 1, 4))), "no sound shape"),
        (changed(("fitted",), None), "has fitted of type NoneType"),
        (changed(("fitted", "n_features_in"), True), "has n_features_in of type bool where int is due"),
        (changed(("fitted", "n_features_in"), 4.0), "has n_features_in of type float"),
        (changed(("fitted", "n_iter"), "1"), "has n_iter of type str"),
        (changed(("fitted", "status"), {"a": 1}), "has status of type dict"),
        (changed(("fitted", "feature_names_in"), ["a", "b", "c", 4]), "are not 4 texts"),
        (changed(("fitted", "feature_names_in"), ["a"]), "1 names of columns, which are not 4"),
        (changed(("tuning",), {"decays": [1]}), "holds a Tuning that cannot be read .*lacks"),
        (changed(("tuning",), []), "holds a Tuning that cannot be read"),
        (changed(("tuning",), DEEP), "cannot be read|no model"),
    ],
)
def test_a_crafted_file_is_refused_where_it_is_wrong(saved: Path, change: Any, told: str) -> None:
    document, arrays = parts(saved)
    assert same_models(wd.load(craft(saved, document, arrays)), wd.load(saved))  # the craft is sound
    change(document, arrays)
    craft(saved, document, arrays)
    with pytest.raises(wd.ModelFileError, match=told):
        wd.load(saved)
    refused(saved)


def test_a_crafted_array_of_a_type_must_hold_its_numbers(tmp_path: Path) -> None:
    model = wd.LinearRegression(decay=1.0, decay_weights=np.array([1, 2, 0, 1], dtype=np.int16)).fit(*problem())
    file = wd.save(model, tmp_path / "model.wd")
    assert same_bits(wd.load(file).decay_weights, model.decay_weights)
    document, arrays = parts(file)
    for bad in (0.5, np.nan, 1e300, -1e5):
        craft(file, document, arrays | {"parameter.decay_weights": np.array([bad, 1, 1, 1])})
        assert "numbers in the parameter 'decay_weights' that are none of int16" in refused(file)
    for name in ("object", "V8", "U1000000000", "datetime64", "complex128"):
        craft(file, document | {"parameters": {"decay_weights": {"array": name}}}, arrays)
        assert "lacks the array of the parameter 'decay_weights', or its type" in refused(file)


def test_a_newer_file_names_both_versions(saved: Path) -> None:
    document, arrays = parts(saved)
    document |= {"format": 7, "library": "9.8.7", "novelty": {}}
    craft(saved, document, arrays)
    sentence = refused(saved)
    assert "'9.8.7' in format 7" in sentence and f"weightdecay {wd.__version__}" in sentence and "upgrade" in sentence
    # Nor does it matter how a newer one computes its checksum.
    saved.write_bytes(raw_save(arrays, {"weightdecay": json.dumps(document), "sha256": "new"}))
    assert "upgrade" in refused(saved)


def test_an_older_file_takes_the_defaults_of_new_parameters(saved: Path) -> None:
    document, arrays = parts(saved)
    del document["parameters"]["tolerance"]
    assert wd.load(craft(saved, document, arrays)).tolerance == 0.01


def raw(file: Path, header: str, data: bytes = b"") -> Path:
    """A file with a header as it stands."""
    head = header.encode("utf-8", "surrogatepass")
    file.write_bytes(len(head).to_bytes(8, "little") + head + data)
    return file


ENTRY = '"coef":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}'


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (f'{{{ENTRY},{ENTRY},"__metadata__":{{}}}}', "a name comes twice"),
        (f'{{"__metadata__":{{"weightdecay":"{{}}","weightdecay":"{{}}","sha256":""}},{ENTRY}}}', "a name comes twice"),
        (f'{{"__metadata__":{{"weightdecay":"{{}}"}},{ENTRY}}}', "no checksum"),
        (f'{{"__metadata__":{{"weightdecay":"{{}}","sha256":1}},{ENTRY}}}', "no checksum"),
        (f'{{"__metadata__":["weightdecay"],{ENTRY}}}', "no model of weightdecay"),
        (f'{{"__metadata__":{{"weightdecay":"NaN","sha256":""}},{ENTRY}}}', "NaN is no number of JSON"),
        (f'{{"__metadata__":{{"weightdecay":"[1]","sha256":""}},{ENTRY}}}', "no model of weightdecay"),
        (f'{{"__metadata__":{{"weightdecay":"{"[" * 100_000}","sha256":""}},{ENTRY}}}', "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ("{" * 10, "no model of weightdecay"),
        ('{"__metadata__":{"weightdecay":"{}","sha256":""},"coef":1}', "no sound shape"),
        ('{"__metadata__":{"weightdecay":"{}","sha256":""},"coef":{"shape":[-1]}}', "no sound shape"),
        ('{"__metadata__":{"weightdecay":"{}","sha256":""},"coef":{"shape":[1e3]}}', "no sound shape"),
        ('{"__metadata__":{"weightdecay":"{}","sha256":""},"coef":{"shape":[true],"dtype":"F64"}}', "no sound shape"),
        ('{"__metadata__":{"weightdecay":"{}","sha256":""},"coef":{"shape":[1],"dtype":"F32"}}', "float64"),
        (
            f'{{"__metadata__":{{"weightdecay":"{{}}","sha256":""}},"coef":{{"shape":[{2**62}],"dtype":"F64"}}}}',
            "bytes where its header says",
        ),
        ('{"__metadata__":{"weightdecay":"\ud800","sha256":""}}', "no model of weightdecay"),
    ],
)
def test_a_crafted_header_is_refused(header: str, told: str, tmp_path: Path) -> None:
    assert told in refused(raw(tmp_path / "model.wd", header, bytes(8)))


@pytest.mark.parametrize("offsets", ["[0,16]", "[8,16]", "[0,8,8]", "[-8,0]", "null", "[1e300,1e301]"])
def test_crafted_offsets_are_refused(saved: Path, offsets: str) -> None:
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = json.dumps(header).replace(json.dumps(header["decay"]["data_offsets"]), offsets)
    assert offsets in text
    assert "is no sound safetensors file" in refused(raw(saved, text, content[8 + length :]))


def test_the_size_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    file = tmp_path / "model.wd"
    with open(file, "wb") as hole:  # a file of nothing, 2 TB long, which takes no room
        hole.write((sealed_files.MAX_HEADER + 1).to_bytes(8, "little"))
        hole.truncate(1 << 41)
    assert "no model" in refused(file)
    numbers = sealed_files.MAX_NUMBERS + 1
    header = f'{{"__metadata__":{{"weightdecay":"{{}}","sha256":""}},"coef":{{"dtype":"F64","shape":[{numbers}]}}}}'
    raw(file, header)
    os.truncate(file, 8 + len(header) + 8 * numbers)
    assert "bytes where its header says" in refused(file)


def test_a_long_path_of_a_tuning_stays_out_before_the_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, Y = problem(2)
    tuning = wd.tune(wd.LinearRegression(decays=np.geomspace(1e-3, 1e3, 60)), X, Y)
    whole = wd.save(tuning, tmp_path / "model.wd").stat().st_size
    monkeypatch.setattr(sealed_files, "MAX_HEADER", whole - 10_000)
    back = wd.load(wd.save(tuning, tmp_path / "model.wd"))
    assert back.tuning_.decay == tuning.decay and np.array_equal(back.tuning_.losses, tuning.losses)
    for one in (back.tuning_, *back.tuning_.targets):
        with pytest.raises(ValueError, match="without its path"):
            one.path  # noqa: B018
    old = (tmp_path / "model.wd").read_bytes()
    monkeypatch.setattr(sealed_files, "MAX_HEADER", 8_000)
    with pytest.raises(ValueError, match=r"cannot be saved: it takes .* characters beside its coeff"):
        wd.save(tuning, tmp_path / "model.wd")
    assert (tmp_path / "model.wd").read_bytes() == old


def test_sealing_and_unsealing_are_inverse() -> None:
    document = {"a": [1, 0.1, None, True, '\u20ac\ud800"\\'], "b": {"c": 1e-320}}
    arrays = {"x": np.array([[1.5, -0.0], [np.inf, np.nan]]), "y": np.float64(3), "z": np.zeros((0, 3))}
    back, numbers = unseal(seal(document, arrays))
    assert back == document and set(numbers) == set(arrays)
    assert all(same_bits(numbers[name], arrays[name]) for name in arrays)
    with pytest.raises(ValueError):
        seal({"a": np.nan}, {})


def test_loading_runs_nothing_and_imports_little(saved: Path) -> None:
    code = f"import sys, weightdecay as wd; wd.load({str(saved)!r}).predict([[1.0, 2, 3, 4]])"
    code += "; print([name for name in ('polars', 'matplotlib', 'torch', 'typer') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"
