"""The paths of a running endpoint beside its WebSockets."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from callbridge.serve.metrics import CONTENT_TYPE
from callbridge.serve.service import Service
from callbridge.serve.settings import HOLD_MUSIC, SILENCE


def routes(service: Callable[[], Service]) -> FastAPI:
    """`service` makes the running parts when the first request needs them.

    They are plain routes: to look for parameters and dependencies that none of them has would take
    16 of a webhook's 28 us here."""
    http = FastAPI(title="Callbridge", docs_url=None, redoc_url=None, openapi_url=None)

    async def webhook(request: Request) -> Response:
        return await service().webhook(request)

    async def document(request: Request) -> Response:
        return await service().document(request, "first")

    async def next_document(request: Request) -> Response:
        return await service().document(request, "next")

    async def held_document(request: Request) -> Response:
        return await service().document(request, "held")

    async def healthz(request: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    async def readyz(request: Request) -> Response:
        calls = service().calls
        ready = not calls.draining and not calls.full
        why = "ready" if ready else "draining" if calls.draining else "full"
        return Response(f"{why}\n", 200 if ready else 503, media_type="text/plain")

    async def metrics(request: Request) -> Response:
        return Response(service().metrics.text(), headers={"content-type": CONTENT_TYPE})

    def hold_music(request: Request) -> Response:  # in a thread: the tune is made by the first one
        return Response(service().hold_music(), media_type="audio/wav")

    def silence(request: Request) -> Response:
        return Response(service().silence(), media_type="audio/wav")

    http.add_route(HOLD_MUSIC, hold_music, methods=["GET"])
    http.add_route(SILENCE, silence, methods=["GET"])
    http.add_route("/webhooks", webhook, methods=["POST"])
    http.add_route("/texml", document, methods=["GET", "POST"])
    http.add_route("/texml/next", next_document, methods=["GET", "POST"])
    http.add_route("/texml/held", held_document, methods=["GET", "POST"])
    http.add_route("/healthz", healthz, methods=["GET"])
    http.add_route("/readyz", readyz, methods=["GET"])
    http.add_route("/metrics", metrics, methods=["GET"])
    return http
