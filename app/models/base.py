"""What every table shares: names of constraints, ids that leave the services, and the clock."""

import secrets
from datetime import UTC, datetime

from sqlmodel import SQLModel

# Names that do not depend on the database, so that a migration can drop by name what an earlier one made. Stands before the
# first table: constraints take their names as they are attached.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def now() -> datetime:
    return datetime.now(UTC)


def new_public_id() -> str:
    """Return a random id of 16 characters. Only such ids leave the services: they tell nobody how many rows there are."""
    return secrets.token_urlsafe(12)
