"""Network: estimators whose model is a torch module, and the problem that tunes their decay as one population."""
