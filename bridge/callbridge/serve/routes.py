"""The paths of a running endpoint beside its WebSockets."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from callbridge.serve.metrics import CONTENT_TYPE
from callbridge.serve.service import Service


def routes(service: Callable[[], Service]) -> FastAPI:
    """`service` makes the running parts when the first request needs them."""
    http = FastAPI(title="Callbridge", docs_url=None, redoc_url=None, openapi_url=None)

    async def webhook(request: Request) -> Response:
        return await service().webhook(request)

    async def document(request: Request) -> Response:
        return await service().document(request, "first")

    async def next_document(request: Request) -> Response:
        return await service().document(request, "next")

    async def held_document(request: Request) -> Response:
        return await service().document(request, "held")

    def healthz() -> Response:
        return Response("ok\n", media_type="text/plain")

    async def readyz() -> Response:
        calls = service().calls
        ready = not calls.draining and not calls.full
        why = "ready" if ready else "draining" if calls.draining else "full"
        return Response(f"{why}\n", 200 if ready else 503, media_type="text/plain")

    async def metrics() -> Response:
        return Response(service().metrics.text(), headers={"content-type": CONTENT_TYPE})

    http.add_api_route("/webhooks", webhook, methods=["POST"])
    http.add_api_route("/texml", document, methods=["GET", "POST"])
    http.add_api_route("/texml/next", next_document, methods=["GET", "POST"])
    http.add_api_route("/texml/held", held_document, methods=["GET", "POST"])
    http.add_api_route("/healthz", healthz, methods=["GET"])
    http.add_api_route("/readyz", readyz, methods=["GET"])
    http.add_api_route("/metrics", metrics, methods=["GET"])
    return http
