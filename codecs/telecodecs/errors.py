"""What telecodecs raises."""


class CodecError(ValueError):
    """Audio that cannot be encoded, decoded or resampled, or a codec that is not supported."""
