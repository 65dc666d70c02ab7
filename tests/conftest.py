"""Asynchronous tests that ask for `pair` run in virtual time: see the plugin."""

from callbridge.host.blas import keep_to_one_thread

keep_to_one_thread()  # as `callbridge serve` does

pytest_plugins = ["callbridge.testing.plugin"]
