"""Newton: the engine of losses that are not squares, all folds and decays of one problem solved together."""
