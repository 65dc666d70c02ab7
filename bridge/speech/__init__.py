"""Speech engines: what turns text into sound, and later sound into text."""
