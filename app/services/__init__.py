"""The use cases: one function and one transaction each; every permission is decided here."""
