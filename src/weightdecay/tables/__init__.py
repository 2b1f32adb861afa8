"""Files to data: preflight and reading."""
