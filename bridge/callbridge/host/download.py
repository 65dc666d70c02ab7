"""Files of the web, piece by piece as they come."""

from collections.abc import AsyncGenerator, Callable

import httpx

from callbridge.errors import AudioFileError

MAX_BYTES = 100_000_000
PATIENCE_S = 15.0  # for a connection, and for each next piece
MAX_REDIRECTS = 5

Download = Callable[[str], AsyncGenerator[bytes]]
"""As `download`: the bytes of a file on the web. Raises AudioFileError."""


def is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))


async def download(url: str) -> AsyncGenerator[bytes]:
    """The bytes of a file on the web, 100 MB at most. Raises AudioFileError."""
    size = 0
    try:
        async with (
            httpx.AsyncClient(
                follow_redirects=True, max_redirects=MAX_REDIRECTS, timeout=PATIENCE_S
            ) as http,
            http.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                size += len(piece)
                if size > MAX_BYTES:
                    raise AudioFileError(f"{url}: more than {MAX_BYTES // 1_000_000} MB")
                yield piece
    except httpx.TimeoutException:
        raise AudioFileError(f"{url}: nothing more of it in {PATIENCE_S:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise AudioFileError(f"{url}: {str(error) or type(error).__name__}") from None


async def whole(pieces: AsyncGenerator[bytes]) -> bytes:
    """All of it. Raises AudioFileError."""
    data = bytearray()
    async for piece in pieces:
        data += piece
    return bytes(data)
