"""What the commands of `configs` print; functions of what they found, without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from matrix.redaction import encodable

if TYPE_CHECKING:
    from matrix.configs.audit import Change
    from matrix.configs.keys import Key
    from matrix.configs.migration.migrate import MigrationReport
    from matrix.configs.migration.rollback import RollbackReport
    from matrix.configs.migration.survey import MigrationPlan
    from matrix.configs.migration.verify import Verification
    from matrix.configs.policy import Violation
    from matrix.configs.reader import Reading

_SHOWN = 20


def listing(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return masked configs as a table."""
    if not rows:
        return "no servers\n"
    table = [
        (
            _cell(row["name"]),
            row["server_type"],
            "" if row.get("enabled", True) else "disabled",
            _cell(", ".join(row.get("agents", [])) or "nobody", 40),
            _tools(row.get("tools")),
            _cell(row.get("url") or " ".join(row.get("command", [])), 60),
        )
        for row in rows
    ]
    return tabulate(table, ("server", "type", "", "agents", "tools", "reached by"), disable_numparse=True) + "\n"


def _tools(tools: Mapping[str, Any] | None) -> str:
    if tools is None:
        return "all"
    include, exclude = tools.get("include"), tools.get("exclude", [])
    wanted = "all" if include is None else ", ".join(include) or "none"
    return _cell(wanted + (f" but {', '.join(exclude)}" if exclude else ""), 40)


def reading(found: Reading, violations: Sequence[tuple[str, Violation]]) -> str:
    """Return what is worth saying about a file that was read."""
    lines = [f"dialect: {found.dialect}"]
    lines += [f"problem: {problem}" for problem in found.problems]
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"policy: {_cell(name)}: {each.where}: {each.message} [{each.rule}]" for name, each in violations]
    return "\n".join(lines) + "\n\n"


def migration_plan(plan: MigrationPlan) -> str:
    """Return a plan for people: the problems first."""
    lines = [f"{plan.servers} legacy servers, {plan.assignments} assignments"]
    lines += _list("problems, to be mended first", map(str, plan.problems), all_of_them=True)
    if not plan.problems:
        lines.append(f"{len(plan.new)} to migrate, {plan.done} migrated before, {len(plan.excluded)} excluded")
    lines += _list("for nobody (no assignment)", plan.for_nobody)
    lines += _list("with secrets, which will be sealed", plan.with_secrets)
    lines += _list("notes", plan.notes)
    lines += _list("in the store already, and left alone", plan.present)
    lines += ["", "nothing was written" if plan.problems else "nothing was written; `configs migrate` does it"]
    return "\n".join(lines) + "\n"


def migrated(report: MigrationReport) -> str:
    """Return what a migration did."""
    plan = report.plan
    if not report.migrated:
        return f"nothing to do: {plan.done} servers were migrated before\n"
    lines = [f"migrated {report.migrated} servers ({plan.assignments} assignments), read again, and committed"]
    if plan.done:
        lines.append(f"{plan.done} were migrated before")
    lines += _list("for nobody (no assignment)", plan.for_nobody)
    lines += _list("excluded", plan.excluded)
    lines += ["", "agents still read the legacy tables: `configs rollout AGENT shadow`, then dual, then new"]
    return "\n".join(lines) + "\n"


def verification(found: Verification) -> str:
    """Return how far the two stores agree."""
    lines = [f"{found.same} servers are the same in both"]
    lines += _list("different", (f"{_cell(each.server)} ({', '.join(each.fields)})" for each in found.different))
    lines += _list("only in the legacy tables", found.only_legacy)
    lines += _list("only in the new store", found.only_new)
    lines += _list("unreadable in the legacy tables", found.unreadable)
    return "\n".join(lines) + "\n"


def rolled_back(report: RollbackReport, *, done: bool) -> str:
    """Return what a rollback did, or would do."""
    lines = ["rolled back:" if done else "a rollback would do this; nothing was written:"]
    lines.append(f"{report.untouched} servers untouched, to the byte")
    lines += _list("tables made again", report.recreated)
    lines += _list("changed", report.changed)
    lines += _list("created", report.created)
    lines += _list("deleted", report.deleted)
    lines += _list("conflicts", map(str, report.conflicts), all_of_them=True)
    lines += _list("no place in the legacy tables", map(str, report.losses), all_of_them=True)
    lines += _list("set aside, in the migration's record", report.aside)
    return "\n".join(lines) + "\n"


def _list(title: str, items: Iterable[str], *, all_of_them: bool = False) -> list[str]:
    found = [_cell(item, 400) for item in items]
    if not found:
        return []
    shown = found if all_of_them else found[:_SHOWN]
    more = [f"  … and {len(found) - len(shown)} more"] if len(found) > len(shown) else []
    return ["", f"{title} ({len(found)}):", *(f"  {item}" for item in shown), *more]


def _cell(text: str, limit: int = 60) -> str:
    printable = "".join(char if char.isprintable() else "�" for char in encodable(str(text)))
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"


def keys(found: Sequence[Key]) -> str:
    """Return the keys of the API as a table."""
    if not found:
        return "no keys\n"
    table = [
        (
            each.name,
            " ".join(each.scopes),
            each.created_at.isoformat(timespec="seconds"),
            "" if each.revoked_at is None else f"revoked {each.revoked_at.isoformat(timespec='seconds')}",
        )
        for each in found
    ]
    return tabulate(table, ("key", "scopes", "made", ""), disable_numparse=True) + "\n"


def audit(changes: Sequence[Change]) -> str:
    """Return who changed what as a table."""
    if not changes:
        return "no changes\n"
    table = [
        (
            each.at.isoformat(timespec="seconds"),
            _cell(each.who),
            each.action,
            _cell(each.server),
            "" if each.action == "create" else _cell(", ".join(each.changed), 60),
        )
        for each in changes
    ]
    return tabulate(table, ("when", "who", "did", "server", "changed"), disable_numparse=True) + "\n"
