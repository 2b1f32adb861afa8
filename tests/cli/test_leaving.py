"""How a command leaves: the exit code, one sentence for what can be mended, and never a traceback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from weightdecay.cli.sentences import as_options, sentences

Run = Callable[..., Any]
COMMAND = [sys.executable, "-m", "weightdecay"]
PLAIN = ("--target", "y", "--drop", "w,group")


def shell(*words: object, **given: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, its output buffered as in anybody's shell."""
    line = [*COMMAND, *map(str, words)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | given.pop("env", {})
    given |= {} if "stdout" in given else {"capture_output": True}
    return subprocess.run(line, text=True, timeout=120, check=False, env=env, **given)


@pytest.mark.parametrize("command", ["tune", "path"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "does not exist; did you mean"),
        (b"", "is empty"),
        (b"a,y\n", "has a header but no row"),
        (b"a,y\n1,2\n", "one row of data"),
        (b"a,y\n1,2\n3\n", "line 3 of"),
        (b"a,y\n1,2\nx,3\n4,5\n", "'a' of"),
        (b"gr\xf6\xdfe,y\n1,2\n", "is not UTF-8"),
        (b"a,b\n1,2\n3,4\n", "target 'y' is not in"),
        (b"a,y\n1,2\n3,2\n", "is 2 in all 2 rows"),
        (b"a,y\n1,nan\n3,2\n", "target column 'y' of"),
        (b"a,y\n1,inf\n3,2\n", "is infinite"),
        (b"a,y\n1,yes\n3,no\n", "has a class of its own in every row (2 in 2: 'yes', 'no', …)"),
        (b"\x1f\x8b\x08\x00\x00\x00", "archive that breaks off"),
        (b"[bold]a[/bold],[/]\n1,2\n3,4\n", "the columns are '[bold]a[/bold]', '[/]'"),
        (b"\x1b[31ma,b\n1,2\n3,4\n", r"the columns are '\x1b[31ma', 'b'"),
    ],
)
def test_bad_data_are_one_sentence_and_code_1(
    command: str, content: bytes | None, told: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_bytes(b"")
    if content is not None:
        (tmp_path / "data.csv").write_bytes(content)
    done = run(command, tmp_path / ("data.csv" if content is not None else "othr.csv"), "--target", "y")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("weightdecay: ") and done.err.count("\n") == 1
    assert told in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--cv 61", "--cv 61 folds need at least 61 rows, got 60; give fewer folds or --cv loo"),
        ("--group a --cv loo", "--cv loo would split groups; give --cv 5"),
        ("--rule 1se --scoring r2 --cv loo", "--rule 1se needs a standard error"),
        ("--scoring roc_auc", "--scoring roc_auc judges classes, and the target is of numbers; give a scorer"),
        ("--scoring log-loss --cv 3", "--scoring log-loss judges classes, and the target is of numbers; give a scorer"),
        ("--scoring neg_mean_squared_log_error --cv 3", "the scoring cannot judge predictions of numbers ("),
        ("--scoring neg_mean_squared_log_error --cv 3", "Logarithmic"),
        ("--decay-exempt e", "column 'e' to exempt from decay is none of the columns to learn from"),
        ("--decay-exempt y", "column 'y' to exempt from decay"),
        ("--drop z", "column to drop 'z' is not in"),
        ("--drop a,b,c,d", "no column is left"),
        ("--drop y", "cannot be the target and the column to drop"),
        ("--weight a", "weight column 'a' of"),
        ("--group e", "group column 'e' is not in"),
        ("--tolerance inf", "--tolerance inf: expected"),
    ],
)
def test_work_that_these_data_do_not_allow(words: str, told: str, run: Run, data: Path) -> None:
    done = run("tune", data, *PLAIN, *words.split())
    assert (done.code, done.out) == (1, ""), done
    assert done.err.startswith("weightdecay: ") and done.err.count("\n") == 1
    assert told in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("tune", "DATA.CSV"),
        ("tune {data}", "--target"),
        ("tune {data} --target", "--target"),
        ("tune {data} --target y --model forest", "'--model': 'forest' is not one of auto, linear, logistic"),
        ("tune {data} --target y --cv five", "'five' is neither auto, nor loo, nor a number of folds"),
        ("tune {data} --target y --cv 1", "give at least 2 folds"),
        ("tune {data} --target y --rule best", "'--rule': 'best' is not one of min, 1se"),
        ("tune {data} --target y --decays 1,x", "'1,x' is neither a list such as"),
        ("tune {data} --target y --decays -1", "a decay is a number of at least 0"),
        ("tune {data} --target y --decays nan", "a decay is a number of at least 0"),
        ("tune {data} --target y --decays ,", "a decay is a number of at least 0"),
        ("tune {data} --target y --decays 1:2", "neither a list"),
        ("tune {data} --target y --decays 2:1:5", "0 < low < high"),
        ("tune {data} --target y --decays 1:2:100000000", "2 to 10000 decays"),
        ("tune {data} --target y --decays 0:1:5", "0 < low < high"),
        ("tune {data} --target y --scoring R2", "'R2' is not a scorer of scikit-learn; did you mean r2"),
        ("tune {data} --target y --seed -1", "--seed"),
        ("tune {data} --target y --seed 4294967296", "--seed"),
        ("tune {data} --target y --tolerance -1", "--tolerance"),
        ("tune {data} --target y --scoring rmse", "did you mean neg_root_mean_squared_error?"),
        ("tune {data} --target y --nope", "--nope"),
        ("tune {data} --target y --target a", "'--target': it is given 2 times; give it once"),
        ("tune {data} --target y --cv 5 --cv=5", "'--cv': it is given 2 times"),
        ("tune {data} --target y --standardize --no-standardize", "'--standardize': it is given 2 times"),
        ("path {data} --target y --decays 1 --decays 2 --decays 3", "'--decays': it is given 3 times"),
        ("convert 1 --from decay --to decay --to decay", "'--to': it is given 2 times"),
        ("path {data} --target y --cv 5", "--cv"),
        ("tune {data} --target y --time-column a --group b", "rows are held out by time or by --group, not by both"),
        ("tune {data} --target y --time-column a --cv loo", "--cv loo would hold earlier rows out by later ones"),
        ("tune {data} --target y --time-column a --cv 3 --seed 1", "with --time-column none are shuffled"),
        ("tune {data} --target y --text", "--text"),
        ("tune {data} --target y --save a --save b", "'--save': it is given 2 times"),
        ("tune {data} --target y --dry-run --dry-run", "'--dry-run': it is given 2 times"),
        ("path {data} --target y --save a", "--save"),
        ("explain WD099", "no finding has the code 'WD099'; did you mean WD0"),
        ("explain nonsense", "no finding has the code 'nonsense'; the codes are WD001 to WD"),
        ("explain WD001 --markdown", "'--markdown': it goes with neither CODE nor --json"),
        ("explain --json --markdown", "'--markdown': it goes with neither"),
        ("explain WD001 WD002", "WD002"),
        ("doctor now", "now"),
        ("report one.json", "OUT.HTML"),
        ("report", "TUNING.JSON|MODEL.WD"),
        ("predict {data}", "predict"),
        ("--nope", "--nope"),
    ],
)
def test_a_wrong_call_is_code_2_before_the_data_are_read(
    words: str, told: str, run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wd, "read", None, raising=False)
    done = run(*(word.format(data=data) for word in words.split()))
    assert (done.code, done.out) == (2, "")
    assert told in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("word", ["-h", "--help"])
@pytest.mark.parametrize(
    "command", [[], ["tune"], ["path"], ["convert"], ["predict"], ["report"], ["explain"], ["doctor"]]
)
def test_help_is_code_0(command: list[str], word: str, run: Run) -> None:
    done = run(*command, word)
    assert (done.code, done.err) == (0, "") and done.out.startswith(" ".join(["Usage: weightdecay", *command]))
    assert "..." not in done.out.replace("[ARGS]...", ""), "a sentence is cut short"


def test_without_a_command_there_is_help(run: Run) -> None:
    done = run()
    assert done.code == 2 and "Commands:" in done.out + done.err


def test_the_version(run: Run) -> None:
    assert run("--version").out == f"weightdecay {wd.__version__}\n"


def test_a_defect_of_ours_stays_a_traceback() -> None:
    with pytest.raises(ValueError, match="could not be broadcast"), sentences():
        np.zeros(2) + np.zeros(3)
    with pytest.raises(TypeError), sentences():
        raise TypeError("a defect")


def test_interrupted_work_is_code_130(run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(wd, "tune", interrupted, raising=False)
    done = run("tune", data, *PLAIN, "--report", tmp_path / "report.html", "--json")
    assert (done.code, done.out, done.err) == (130, "", "weightdecay: interrupted\n")
    assert list(tmp_path.iterdir()) == []


# The command, whose search sleeps from some question on, and says on stderr when it does.
ASLEEP = """
import sys, time
from weightdecay.cli.app import main
from weightdecay.linear import ridge
held_out, calls = ridge.RidgeSplit.held_out, []
def slow(self, *given):
    calls.append(given)
    if len(calls) > {after}:
        print("asleep", file=sys.stderr, flush=True)
        time.sleep(100)
    return held_out(self, *given)
ridge.RidgeSplit.held_out = slow
sys.argv = ["weightdecay", *sys.argv[1:]]
raise SystemExit(main())
"""


def interrupted(after: int, *words: object) -> tuple[int, str, str]:
    """What a process of its own leaves when its interrupt key is pressed after some answers."""
    line = [sys.executable, "-c", ASLEEP.format(after=after), *map(str, words)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stderr.readline() == "asleep\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_the_interrupt_key_before_anything_is_known(data: Path, tmp_path: Path) -> None:
    code, out, err = interrupted(0, "tune", data, *PLAIN, "--save", tmp_path / "m.wd", "--report", tmp_path / "r.html")
    assert (code, out) == (130, "")
    assert re.fullmatch(r"weightdecay: interrupted: 0 of \d+ decays were tried; too few for a result\n", err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_the_interrupt_key_keeps_what_is_known(data: Path, tmp_path: Path) -> None:
    files = ("--save", tmp_path / "m.wd", "--report", tmp_path / "r.html")
    code, out, err = interrupted(1, "tune", data, *PLAIN, *files, "--json")
    assert code == 130
    tuning = wd.Tuning.from_json(out)
    last = err.splitlines()[-1]
    found = re.fullmatch(r"weightdecay: interrupted: (\d+) of (\d+) decays were tried; the result is of those", last)
    assert found is not None and 0 < int(found[1]) < int(found[2])
    assert len(tuning.decays) <= int(found[1]) and "WD018" in {one.code for one in tuning.findings}
    whole = wd.read(data, "y", drop=["w", "group"])
    expected = wd.tune(wd.LinearRegression(), whole, decays=tuning.decays)
    np.testing.assert_allclose(tuning.mean, expected.mean, rtol=1e-9)
    assert wd.load(tmp_path / "m.wd").decay_ == tuning.decay
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "WD018" in page and f"the search was interrupted: {found[1]} of {found[2]} decays were tried" in page
    # For eyes too.
    code, out, err = interrupted(1, "tune", data, *PLAIN)
    assert code == 130 and out.count("Use decay") == 1 and "warning WD018 the search was interrupted" in out
    assert err == last + "\n"


@pytest.mark.skipif(os.name != "posix", reason="pipes")
@pytest.mark.parametrize("words", ["path {data} --target y --drop w,group --json", "convert --list"])
def test_nobody_reads_the_answer(words: str, data: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = shell(*words.format(data=data).split(), stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is full")
def test_a_full_disk_is_a_sentence(data: Path) -> None:
    with open("/dev/full", "w") as full:
        done = shell("path", data, *PLAIN, "--json", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "weightdecay: the answer cannot be written: No space left on device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is full")
@pytest.mark.parametrize("words", ["--help", "--version", "tune --help", "convert --list"])
def test_a_full_disk_is_a_sentence_before_any_work_too(words: str) -> None:
    with open("/dev/full", "w") as full:
        done = shell(*words.split(), stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "weightdecay: the answer cannot be written: No space left on device\n"


def test_arguments_of_python_are_told_as_options() -> None:
    assert as_options("cv=100 folds; give cv='loo'", {"cv"}) == "--cv 100 folds; give --cv loo"
    assert as_options("pass n_samples=…", {"n_samples"}) == "give --n-samples VALUE"
    assert as_options("pass loss='mse'", set()) == "give --fact loss=mse"
    assert as_options("use standardize=True", {"cv"}) == "use --standardize"
    assert as_options("fit_intercept=False, but", {"cv"}) == "--no-intercept, but"
    assert as_options("or leave decays=None and", {"decays"}) == "or leave out --decays and"
    assert as_options("sklearn alpha=1 and y=f(x)", {"cv"}) == "sklearn alpha=1 and y=f(x)"


@pytest.mark.skipif(os.name != "posix", reason="a shell")
def test_closed_streams_are_silence(data: Path) -> None:
    line = f'"$@" path {data} --target y --drop w,group >&- 2>&-'
    done = subprocess.run(["sh", "-c", line, "sh", *COMMAND], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_process_of_its_own_writes_the_same(run: Run, data: Path) -> None:
    done = shell("tune", data, *PLAIN, "--cv", "5")
    expected = run("tune", data, *PLAIN, "--cv", "5")
    assert (done.returncode, done.stdout, done.stderr) == (0, expected.out, "")


def test_a_terminal_without_the_letters_gets_codes(data: Path) -> None:
    done = shell("tune", data, *PLAIN, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii() and r"\xb1" in done.stdout


LOADED = """
import sys
from weightdecay.cli.app import main
sys.argv = ["weightdecay", *{words!r}]
main()
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "kept_away"),
    [
        (["--help"], ["numpy", "scipy", "sklearn", "polars", "matplotlib", "rich", "jinja2", "torch"]),
        (["convert", "1", "--from", "decay", "--to", "decay"], ["scipy", "sklearn", "polars", "matplotlib", "jinja2"]),
        (["tune", "no.csv", "--target", "y"], ["sklearn", "polars", "matplotlib", "jinja2", "torch"]),
        (["tune", "{data}", "--target", "y", "--drop", "w,group"], ["matplotlib", "jinja2", "torch"]),
    ],
)
def test_a_command_loads_only_what_it_needs(words: list[str], kept_away: list[str], data: Path) -> None:
    code = LOADED.format(words=[word.format(data=data) for word in words], heavy=kept_away)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr.splitlines()[-1] == "[]"
