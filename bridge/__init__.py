"""Callbridge: an async media bridge for phone calls."""
