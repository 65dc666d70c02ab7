"""What telecodecs raises."""


class CodecError(ValueError):
    """Audio that cannot be encoded, decoded or resampled, or a codec that is not supported."""


class MissingLibrary(CodecError):
    """The codec is supported, and what it is made of is not installed."""

    def __init__(self, codec: str, library: str, install: str = "pip install 'callbridge[hd]'"):
        super().__init__(f"{codec} needs {library}: {install}")
        self.codec, self.library, self.install = codec, library, install

    def __reduce__(self) -> tuple[type["MissingLibrary"], tuple[str, str, str]]:
        return type(self), (self.codec, self.library, self.install)
