"""Tests of the relay: its frames and its session."""
