"""Where the move stands, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from matrix.configs.migration import journal
from matrix.configs.rollout.modes import Mode
from matrix.configs.rollout.status import Status
from matrix.redaction import encodable

_STATES = ("none", journal.MIGRATED, journal.ROLLED_BACK)


def as_prometheus(status: Status) -> str:
    """Return the status in the text format 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Collected(status))
    return generate_latest(registry).decode("utf-8")


class _Collected(Collector):
    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with its samples."""
        status, agents = self._status, [(encodable(each.agent), each) for each in self._status.agents]
        servers = _gauge("servers", "Servers in each store.", "store")
        if status.legacy_servers is not None:
            servers.add_metric(["legacy"], status.legacy_servers)
        servers.add_metric(["new"], status.configs)
        yield servers
        state = _gauge("migration_state", "1 for the state that the migration is in.", "state")
        for each in _STATES:
            state.add_metric([each], each == status.state)
        yield state
        meaning = "1 for the mode that an agent is in; the agent * is everyone not named."
        modes = _gauge("agent_mode", meaning, "agent", "mode")
        for agent, progress in agents:
            for mode in Mode:
                modes.add_metric([agent, mode], mode is progress.mode)
        yield modes
        reads = _counter("reads", "Reads of agents in shadow.")
        differing = _counter("differing_reads", "Such reads in which the stores differed.")
        errors = _counter("errors", "Such reads in which a store could not be read.")
        for agent, progress in agents:
            reads.add_metric([agent], progress.reads)
            differing.add_metric([agent], progress.differing_reads)
            errors.add_metric([agent], progress.errors)
        yield from (reads, differing, errors)
        differences = _gauge("shadow_differences", "Fields that differed so far.")
        differences.add_metric([], len(status.differences))
        yield differences


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"agent_matrix_configs_{name}", meaning, labels=labels)


def _counter(name: str, meaning: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"agent_matrix_configs_shadow_{name}", meaning, labels=["agent"])
