"""The exchange: legs, their lives and what they leave behind. No I/O and no clock."""
