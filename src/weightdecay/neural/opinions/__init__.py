"""Second opinions on how much decay: the evidence of a network, and the slope of a held-out loss."""
