"""What survives a restart of the carrier."""
