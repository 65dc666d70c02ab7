"""Asynchronous tests that ask for `pair` run in virtual time: see the plugin."""

pytest_plugins = ["callbridge.testing.plugin"]
