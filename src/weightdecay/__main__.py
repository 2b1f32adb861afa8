"""``python -m weightdecay``: the command line."""

from __future__ import annotations

from weightdecay.cli.app import main

if __name__ == "__main__":
    raise SystemExit(main())
