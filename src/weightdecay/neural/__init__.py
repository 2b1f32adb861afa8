"""Engine 2: neural networks, the only folder that imports torch."""
