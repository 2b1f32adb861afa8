"""What decay does while a network trains: measured inside the optimiser's own steps, against what theory expects."""
