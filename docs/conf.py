"""How the documentation is built: ``scripts/docs``."""

from __future__ import annotations

import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "extensions"))
os.environ.setdefault("MPLBACKEND", "Agg")

import matplotlib  # noqa: E402

import weightdecay  # noqa: E402

# The door's modules are other files', which the pages need not know.
for name in weightdecay._MODULES:
    sys.modules[f"weightdecay.{name}"] = getattr(weightdecay, name)

# The same picture from the same numbers.
matplotlib.rcParams["svg.hashsalt"] = "weightdecay"
# A warning that a reader of the page would not see is none that the page may leave out.
warnings.simplefilter("error", UserWarning)
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive", category=UserWarning)

project = "weightdecay"
author = "weightdecay developers"
release = version = weightdecay.__version__
language = "en_GB"

extensions = [
    "computed",
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery", "images/README.md"]
myst_enable_extensions = ["attrs_inline", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Docstrings name public names in single backticks: `wd.tune`, `Tuning`.
default_role = "py:obj"
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# Described without being installed: their callbacks are ours.
autodoc_mock_imports = ["lightning", "pytorch_lightning", "skorch", "transformers"]
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": ["gallery"],
    "gallery_dirs": ["auto_examples"],
    "filename_pattern": r"[\\/]\w+\.py$",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "capture_repr": ("__repr__",),
    "ignore_repr_types": r"matplotlib\..*",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "min_reported_time": 1e9,
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"weightdecay {release}"
html_static_path = ["_static"]
html_css_files = ["weightdecay.css"]
html_show_sourcelink = False
html_copy_source = False
# Pages without pages below them.
html_sidebars: dict[str, list[str]] = {page.stem: [] for page in HERE.glob("*.md")}
html_theme_options: dict[str, Any] = {
    "header_links_before_dropdown": 6,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
}


def _by_short_name(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Docstrings call the package wd."""
    name = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not name.startswith("wd."):
        return None
    target = f"weightdecay.{name.removeprefix('wd.')}".removesuffix("()")
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, contnode)


# An absolute value in a line of text, which to reStructuredText is a name to be substituted.
_BARS = re.compile(r"\|(?=\S)[^|`]*(?<=\S)\|")


def _keep_bars(app: Any, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """Docstrings write |w| for an absolute value."""
    for index, line in enumerate(lines):
        if "``" not in line:
            lines[index] = _BARS.sub(lambda bars: bars[0].replace("|", "\\|"), line)


def setup(app: Any) -> None:
    """Tell Sphinx of what is ours."""
    app.connect("autodoc-process-docstring", _keep_bars)
    app.connect("missing-reference", _by_short_name)
