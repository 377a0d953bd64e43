"""What stands in front of everything: addresses, headers and sizes of requests, whoever answers them."""
