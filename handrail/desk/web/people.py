"""A person as the log names them."""

from handrail.desk.web.security import Person
from handrail.schemas.fields import By


def by(person: Person) -> By:
    """What stands in claims, answers and the audit."""
    return By(id=person.id, name=person.name or None)
