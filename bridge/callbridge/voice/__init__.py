"""How a call hears and speaks."""
