"""What changed between two runs, in lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from matrix.report.summary import brief
from matrix.results.diff import Change, ChangeKind

_TELLS_WHY = {ChangeKind.WORSE, ChangeKind.CHANGED, ChangeKind.APPEARED}


def render(changes: Sequence[Change]) -> str:
    """Return the changes as lines, the sum last."""
    lines: list[str] = []
    for each in changes:
        before = each.before.value if each.before else "–"
        after = each.after.value if each.after else "–"
        reason = f": {brief(each.reason)}" if each.reason and each.kind in _TELLS_WHY else ""
        lines.append(f"{each.kind.value:<8} {each.cell.id}  {before} → {after}{reason}")
    counts = Counter(each.kind for each in changes)
    lines.append(", ".join(f"{count} {kind.value}" for kind, count in counts.items()) or "no verdict changed")
    return "\n".join(lines) + "\n"
