"""Telephones in browsers: how many one carrier carries, and how late they hear.

    python -m benchmarks.phones capacity [--phones 20] [--seconds 20]
    python -m benchmarks.phones latency [--calls 3] [--wideband]

`capacity` rings up an echo with sockets that speak as pages do, in a process of their own.
`latency` is a real Chromium (apt-get install chromium, pip install playwright): a burst every
second goes from its microphone through page, carrier and examples/echo.py, and back to its
loudspeaker."""

import argparse
import asyncio

from benchmarks.phones import capacity


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parts = parser.add_subparsers(required=True, dest="part")
    many = parts.add_parser("capacity")
    many.add_argument("--phones", type=int, default=20)
    many.add_argument("--seconds", type=float, default=20.0)
    late = parts.add_parser("latency")
    late.add_argument("--calls", type=int, default=3)
    late.add_argument("--wideband", action="store_true")
    args = parser.parse_args()
    if args.part == "capacity":
        asyncio.run(capacity.measure(args.phones, args.seconds))
    else:
        from benchmarks.phones import latency  # needs playwright

        asyncio.run(latency.measure(args.calls, wideband=args.wideband))


if __name__ == "__main__":
    main()
