"""Who may come into the desk: login, sessions, and the checks before every page.

Wrap the app (`Security.wrap`), add the pages of the login to it (`Security.routes`); a page then asks `person_of`,
`require` and `csrf_of`.
"""

from handrail.desk.web.security.person import Person, csrf_of, person_of, require
from handrail.desk.web.security.security import Security
from handrail.desk.web.security.settings import SecuritySettings

__all__ = ["Person", "Security", "SecuritySettings", "csrf_of", "person_of", "require"]
