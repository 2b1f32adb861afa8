"""Engine 1: linear models."""
