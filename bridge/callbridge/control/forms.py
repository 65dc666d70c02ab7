"""Form fields, as TeXML sends them: bytes of a body or a query → values."""

from urllib.parse import parse_qsl

from callbridge.errors import BadWebhookBody


def read_form(content: bytes) -> dict[str, str]:
    """Of a name that comes twice the last value counts. Raises BadWebhookBody, and nothing else."""
    try:
        fields = parse_qsl(
            content.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict"
        )
    except ValueError as error:
        raise BadWebhookBody(f"not a form: {error}") from None
    if not fields:
        raise BadWebhookBody("not a form: it is empty")
    return dict(fields)
