"""Sockets, files and clocks: the only rooms of the carrier that await."""
