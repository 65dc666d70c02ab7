"""Speech engines that are services on the network, by their documented protocols.

Each is an engine for `App(speech=Speech(...))`; the keys come from the environment. Set-up, and
what was never run against the real services: docs/vendors.md."""
