"""Recordings to download, for whoever has a link that is good."""

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from callbridge.carrier.net.shell import Shell
from callbridge.carrier.net.storage import TYPES


class Downloads:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def recording(self, request: Request) -> Response:
        """The whole file, or the range that a header asks for."""
        asked, query = request.path_params, request.query_params
        recording = self._shell.switch.recording_asked_for(
            asked["recording_id"],
            asked["file_name"],
            query.get("expires", ""),
            query.get("signature", ""),
            self._shell.now(),
        )
        if recording is None:
            return Response("this link is not good, or not any more", 403)
        path = self._shell.files.path(recording.id, recording.format)
        if not await asyncio.to_thread(path.is_file):
            return Response("this file is gone", 404)
        return FileResponse(path, media_type=TYPES[recording.format], filename=recording.file_name)
