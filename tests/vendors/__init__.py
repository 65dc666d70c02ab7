"""Local servers of vendors' protocols: what a test, or an example without a key, talks to.

How each of them is written:

- It is an ASGI application. In virtual time it is joined to its client by `in_memory`, over a real
  socket it is served by `sockets.served`, and by hand it runs as `python -m tests.vendors.openai`.
- It is strict. What arrives is checked with the vendor SDK's own types, and by the rules of the
  vendor's documents that types cannot say; what the vendor would refuse is refused, with the
  vendor's status and form of error. Nothing is repaired, and nothing unknown is let through.
- It follows a script. The script says what is answered, at which pace, and what goes wrong on the
  way: stalls, dropped streams, garbage. Without a script it answers by a simple rule.
- It remembers. Requests, refusals and the moments at which a client left can be looked at.
- It reads the time of the running loop and waits by `asyncio.sleep`, so that it runs in virtual
  time; it never reads the machine's clock.

Nothing here was compared with the real services: there was no key to do it with."""
