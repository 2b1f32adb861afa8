"""The monitor inside other people's training loops: one thin file for each."""
