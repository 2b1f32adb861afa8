"""Records to eyes: text, plots, the report. Nothing here computes; every text from data is made harmless first."""
