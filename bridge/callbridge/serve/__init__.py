"""A running endpoint: settings, the service, its process, its metrics."""
