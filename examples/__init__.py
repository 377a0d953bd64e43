"""Small real applications to scan. Each runs by itself, right or with a fault: see README.md."""
