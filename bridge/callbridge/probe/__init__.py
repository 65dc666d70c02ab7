"""Conformance of an endpoint: the platform's side, strict, against anybody's relay, media stream or
webhook."""
