"""Speed and memory against other libraries: one file per rival, ratios measured in one run on the same data."""
