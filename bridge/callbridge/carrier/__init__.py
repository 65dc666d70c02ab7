"""A local Voice API with real audio: the phone company to try a bridge against.

The core (`Switch`) has neither I/O nor a clock; `service.run` puts it behind real sockets. Requests
are checked by rules written from the platform's contract, not by the bridge's own code, so that
the two cannot share a mistake: of `bridge` only the media frames and the error tree come in here.
"""
