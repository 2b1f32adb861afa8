"""The command line: an ordinary user of the door, one file per command."""
