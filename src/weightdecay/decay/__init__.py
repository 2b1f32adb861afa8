"""What a decay means: the penalty, the units of other tools, and the timescale of the decay itself."""
