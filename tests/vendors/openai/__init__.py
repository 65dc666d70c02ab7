"""OpenAI's protocols, as this machine's own server: `python -m tests.vendors.openai --help`."""
