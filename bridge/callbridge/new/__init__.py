"""`callbridge new`: a bot to begin with, in a folder of its own."""
