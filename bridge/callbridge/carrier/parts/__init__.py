"""What runs on a leg: each is a `Part`."""
