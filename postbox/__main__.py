"""`python -m postbox`: serve until told to stop, and say on which ports."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from postbox.box import PortTaken, Postbox


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 1 when a port is taken."""
    options = _options()
    try:
        box = Postbox(
            options.smtp_port, options.http_port, file=options.file, inbound_url=options.inbound_url
        )
        asyncio.run(_serve(box, options.announce))
    except (PortTaken, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m postbox", description="A stand-in mailbox and phone.")
    parser.add_argument("--smtp-port", type=_port, default=2525, help="0 picks a free one (default 2525)")
    parser.add_argument("--http-port", type=_port, default=8025, help="0 picks a free one (default 8025)")
    parser.add_argument("--announce", type=Path, metavar="FILE", help="write the ports here too, once ready")
    parser.add_argument("--file", type=Path, help="note here what arrives, and know it after being killed")
    parser.add_argument(
        "--inbound-url", metavar="URL", help="the webhook that gets what people answer to texts"
    )
    return parser.parse_args()


def _port(given: str) -> int:
    if not (given.isascii() and given.isdigit() and int(given) < 65536):
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(given)


async def _serve(box: Postbox, announce: Path | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await box.open()
    try:
        _announce(box, announce)
        await stop.wait()
    finally:
        await box.close()
        if announce is not None:
            announce.unlink(missing_ok=True)


def _announce(box: Postbox, file: Path | None) -> None:
    line = json.dumps(
        {
            "smtp_port": box.smtp_port,
            "http_port": box.http_port,
            "email_url": box.email_url,
            "twilio_base_url": box.twilio_base_url,
            "page_url": box.page_url,
            "pid": os.getpid(),
        }
    )
    if file is not None:
        # Renamed into place: a reader that waits for the file never sees half of it.
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.write_text(f"{line}\n")
        draft.replace(file)
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
