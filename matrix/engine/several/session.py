"""A machine's part of a run: it plans as the run did, in its own folder, and asks what it is dealt, until it is over.

A Dask worker calls `serve`, one task for the whole run: what cells share on a machine is opened once, and ended with
it, whether the run comes to its end, is interrupted, or dies.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from matrix.engine.local import LocalEngine
from matrix.engine.messages import Done
from matrix.engine.meter import Meter
from matrix.engine.options import Options
from matrix.engine.prepare import Prepared, Wish, prepare
from matrix.engine.several.facts import facts_of
from matrix.engine.several.line import Abandoned, Line
from matrix.engine.several.messages import Begun, Broken, Idle, Order, Ready, Refused, read_order
from matrix.errors import MatrixError
from matrix.events import Finished
from matrix.model import Verdict
from matrix.raised import told

_IN_USE = threading.Lock()
"""A process has one fork server, and so one engine at a time."""
_WAIT_SECONDS = 0.5


def serve(order: bytes, token: str, outbox: str, inbox: str) -> None:
    """Ask for a run, as a task of Dask; `token` is what the run knows this machine by."""
    with contextlib.suppress(Abandoned), Line(token, outbox, inbox) as line:
        try:
            with _alone(line):
                _serve(read_order(order), line)
        except MatrixError as problem:
            line.say(Refused(str(problem)))
        except Abandoned:
            raise
        except Exception as problem:  # noqa: BLE001  (the run has to hear of it)
            line.say(Broken(told(problem)))


def _serve(order: Order, line: Line) -> None:
    wish = Wish(
        Path.cwd(),
        order.filters,
        order.shard,
        python=order.python,
        strict_pins=order.strict_pins,
        isolation=order.isolation,
        seconds=order.seconds,
    )
    prepared = prepare(wish, line.note)
    cells = {each.cell.id: each for each in prepared.plan.cells}
    lacking = tuple(name for name, each in cells.items() if each.verdict is Verdict.SKIPPED)
    line.say(Ready(facts_of(prepared.plan), lacking))
    options = replace(_options(order, prepared), each_turn=line.check, keep_workers=True)
    engine, meter = LocalEngine(prepared.plan, options), Meter()
    with engine.open():
        while batch := line.dealt():
            for event in engine.ask(cells[each] for each in batch):
                meter.take(event)
                ended = isinstance(event, Finished)
                line.say(Done(event.outcome, event.evidence) if ended else Begun(event.cell))
            line.say(Idle(meter.effort()))
    line.say(Idle(meter.effort()))  # with what the processes took that have ended only now


def _options(order: Order, prepared: Prepared) -> Options:
    options = Options(repeat=order.repeat, share=order.share, source=prepared.source, expected=order.expected)
    return options if order.jobs is None else replace(options, jobs=order.jobs)


@contextlib.contextmanager
def _alone(line: Line) -> Generator[None]:
    """Wait for the end of another run that this process asks for. Raises Abandoned."""
    said = False
    while not _IN_USE.acquire(timeout=_WAIT_SECONDS):
        if not said:
            line.note("waits for the end of another run")
            said = True
        line.check()
    try:
        yield
    finally:
        _IN_USE.release()
