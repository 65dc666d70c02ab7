"""Speech engines: what turns text into sound, and sound into text."""
