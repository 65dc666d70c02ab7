"""Engines that are services, against strict local servers of their protocols."""
