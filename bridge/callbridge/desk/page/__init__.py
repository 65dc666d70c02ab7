"""The desk as web pages: `callbridge desk`. What somebody at a terminal can do, for supervisors in
a browser; a process of its own, which talks to the platform alone."""
