"""Ready bots: each is a function of a call."""
