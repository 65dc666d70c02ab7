"""`callbridge demo`: a call shown as it happens, and afterwards."""
