"""What Seamwatch knows and concludes: pure functions on plain values; no I/O, no clock, no framework."""
