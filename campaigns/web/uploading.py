"""Takes uploaded files to disk and never more of them than a list can be. It must not know what they are."""

from django.core.files.uploadhandler import TemporaryFileUploadHandler

from campaigns.entry_lists.uploads import LARGEST


class BoundedUpload(TemporaryFileUploadHandler):
    """Keeps the first `LARGEST` bytes; the size that the file is given at its end counts the others too, so that a
    form can say what is wrong with it."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Writes a piece that begins at `start` while there is room."""
        if start < LARGEST:
            super().receive_data_chunk(raw_data, start)
