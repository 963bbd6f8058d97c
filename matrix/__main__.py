"""`python -m matrix`, and the command `agent-matrix`."""

from __future__ import annotations

from matrix.interrupts import LeavingAtOnce

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, also while it is still being imported."""
    try:
        with LeavingAtOnce():
            from matrix.cli.main import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        _end_interrupted()
    except SystemExit as ending:
        if ending.code == INTERRUPTED:
            _end_interrupted()
        raise


def _end_interrupted() -> None:
    """End with 130, whatever was interrupted.

    Python itself would end by SIGINT where Ctrl-C came within an `exec`, such as that of a dataclass, although it has
    been handled since: it remembers that it was raised there (`unhandled_keyboard_interrupt` of CPython).
    """
    import atexit  # noqa: PLC0415
    import os  # noqa: PLC0415
    import sys  # noqa: PLC0415

    # What ends the fork server, and removes temporary folders.
    atexit._run_exitfuncs()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
