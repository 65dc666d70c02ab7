"""The machine: files, addresses, processes."""
