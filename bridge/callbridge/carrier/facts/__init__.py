"""What the platform documents, as data, and the loader that reads it."""
