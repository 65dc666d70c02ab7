"""The codec work of the peers: the same two C functions for all of them.

`audioop` is the standard library's until 3.12 and comes from `audioop-lts` after that; its farewell
is nobody's concern here."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from audioop import lin2ulaw, ulaw2lin

__all__ = ["lin2ulaw", "ulaw2lin"]
