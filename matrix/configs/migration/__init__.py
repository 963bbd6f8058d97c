"""Moving from the legacy tables to the store and back: nothing lost, nobody's access widened, one transaction."""

from matrix.configs.migration.migrate import MigrationReport, migrate
from matrix.configs.migration.rollback import RollbackReport, rollback
from matrix.configs.migration.survey import MigrationPlan, make_plan
from matrix.configs.migration.verify import Verification, verify

__all__ = [
    "MigrationPlan",
    "MigrationReport",
    "RollbackReport",
    "Verification",
    "make_plan",
    "migrate",
    "rollback",
    "verify",
]
