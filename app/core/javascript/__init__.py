"""Reading JavaScript without running it: its names, the values of its expressions, and the requests it makes."""
