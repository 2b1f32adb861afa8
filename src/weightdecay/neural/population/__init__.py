"""Population: many networks that differ by their decay, or by what else is asked, trained as one."""
