"""How much: the protocol, folds, search, selection."""
