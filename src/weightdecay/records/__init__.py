"""What is known after the work: frozen records, and their JSON."""
