"""The REST API: facts checked once, endpoints declared."""
