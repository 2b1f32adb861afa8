"""What decay each parameter really receives, measured on copies of an optimiser."""
