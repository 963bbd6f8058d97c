"""Several runs into one folder: what a later one keeps of an earlier one; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from matrix.model import Verdict
from matrix.outcome import CapabilityHeader, ConfigsHeader, EarlierRun, Matrix, Outcome, RunHeader


@dataclass(frozen=True)
class Kept:
    """What a run keeps of those before it: its own header, the outcomes, and which of them it need not ask again."""

    header: RunHeader
    outcomes: tuple[Outcome, ...] = ()
    done: tuple[Outcome, ...] = ()


def resumed(before: Matrix, header: RunHeader, planned: Collection[str]) -> Kept:
    """Keep what an interrupted run of the same plan has left: only the rest is asked.

    What was errored, and what a config store has changed since then, is asked again; so is what the interrupted run was
    to renew, and has only from a run that had ended before it. Whatever was not planned goes.
    """
    done = tuple(
        outcome
        for outcome in before.outcomes
        if outcome.cell.id in planned
        and outcome.verdict is not Verdict.ERRORED
        and not _to_be_renewed(before, outcome)
        and all(_same_config(before.header, header, name) for name in outcome.cell.servers)
    )
    return Kept(continued(header, before, done, done), done, done)


def renewed(before: Matrix, header: RunHeader, planned: Collection[str], done: Sequence[Outcome] = ()) -> Kept:
    """Keep everything that a wider run has left: a narrow one renews the cells that it asks, and only these.

    `done` are those that a resumed one need not ask again.
    """
    known = {each.cell.id for each in before.outcomes}
    never_asked = max(0, before.missing - len(set(planned) - known))
    whole = replace(header, planned=len(known | set(planned)) + never_asked)
    return Kept(continued(whole, before, before.outcomes, done), before.outcomes, tuple(done))


def continued(header: RunHeader, before: Matrix, kept: Sequence[Outcome], done: Sequence[Outcome] = ()) -> RunHeader:
    """Return a run's header as that of a file in which outcomes of earlier runs are kept, each marked with its run.

    `done` are those among them that it does not ask again.
    """
    if not kept:
        return header
    old = before.header
    used = {each.run for each in kept}
    own = EarlierRun(old.created, old.matrix, old.python, old.packages, before.complete)
    earlier = {name: each for name, each in {**old.earlier, old.run: own}.items() if name in used}
    taken = {*earlier, *old.earlier, old.run}
    return replace(
        header,
        run=next(name for name in (f"r{number}" for number in count(1)) if name not in taken),
        earlier=dict(sorted(earlier.items())),
        resumed=tuple(sorted({each.run for each in done})),
        agents={**old.agents, **header.agents},
        capabilities=_capabilities(old.capabilities, header.capabilities),
        pins={**old.pins, **header.pins},
        unpinned={**old.unpinned, **header.unpinned},
        servers={**old.servers, **header.servers},
        configs=_both(old.configs, header.configs),
    )


def _capabilities(
    old: Mapping[str, CapabilityHeader], new: Mapping[str, CapabilityHeader]
) -> dict[str, CapabilityHeader]:
    """Return the capabilities of both runs; how long a cell takes is known of the last whole run."""
    known = {name: each.seconds for name, each in old.items()}
    return {**old, **{name: replace(each, seconds=each.seconds or known.get(name)) for name, each in new.items()}}


def _both(old: ConfigsHeader | None, new: ConfigsHeader | None) -> ConfigsHeader | None:
    """Return what is known of the config stores of two runs: of one store, the servers of both."""
    if old is None or new is None or old.url != new.url:
        return new or old
    return replace(new, servers={**old.servers, **new.servers})


def _to_be_renewed(before: Matrix, outcome: Outcome) -> bool:
    """Whether an interrupted run has left an outcome as it was: neither its own, nor of a run that it went on with."""
    return not before.complete and outcome.run not in {before.header.run, *before.header.resumed}


def _same_config(before: RunHeader, now: RunHeader, server: str) -> bool:
    """Whether two runs speak of the same config of a server: that of one store, unchanged, or of none."""

    def config(configs: ConfigsHeader | None) -> tuple[str | None, str | None]:
        return (None, None) if configs is None else (configs.url, configs.servers.get(server))

    return config(before.configs) == config(now.configs)
