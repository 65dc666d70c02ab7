"""The Voice API as a customer meets it: commands sent, signed events received."""
