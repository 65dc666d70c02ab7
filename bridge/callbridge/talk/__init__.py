"""A conversation with a bot in the terminal, as text over Conversation Relay: `callbridge talk`."""
