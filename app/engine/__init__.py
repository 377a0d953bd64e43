"""What runs by itself: scans, and the loop that claims them."""
