"""The only import of `audioop`, the C library for G.711 expansion.

The standard library has it until 3.12 and warns that it will go; from 3.13 on the distribution
`audioop-lts` provides the same module. Neither should be a reader's or a test's concern."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from audioop import alaw2lin, ulaw2lin

__all__ = ["alaw2lin", "ulaw2lin"]
