"""Who lives at the far end of a leg: what they do, what they hear, what is claimed about a call."""
