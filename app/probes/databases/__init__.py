"""One module a database engine: connect by a socket of ours, ask one thing that only reads, return the first value of the answer."""
