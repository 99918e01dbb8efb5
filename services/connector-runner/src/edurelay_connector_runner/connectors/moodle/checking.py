"""The test of a connection.

That a site tells about itself proves little: the token's account may have to change its password or agree to a
policy, and then no course can be entered. So the courses are asked for as well, and one of them is looked into.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from edurelay_connector_runner.connectors.moodle import catalog, completions, grades, groups, people, roster
from edurelay_connector_runner.connectors.moodle.client import MoodleClient, Row
from edurelay_connector_runner.connectors.moodle.config import SITE_INFO, MoodleConfig
from edurelay_connector_runner.sdk import CheckReport, ConfigurationError, Permanent

#: A group that no site has: the gradebook of nobody, which is refused to the same people as everybody's.
_NO_GROUP = 2**31 - 1


def needed_functions(config: MoodleConfig) -> list[str]:
    """Return the functions that the site's external service has to offer."""
    needed = [SITE_INFO, catalog.FUNCTION, roster.FUNCTION, people.FUNCTION, groups.FUNCTION, grades.FUNCTION]
    if config.completions:
        needed += [completions.ACTIVITIES, completions.COURSE]
    return list(dict.fromkeys([*needed, config.ws_function]))


async def check(client: MoodleClient, config: MoodleConfig) -> CheckReport:
    """Find out whether the connection would work. Raises where the site cannot be reached or knows no such token."""
    site = await client.call(SITE_INFO)
    if not isinstance(site, dict):
        raise Permanent("the site answers, but not like a Moodle")
    details = {name: site[name] for name in ("sitename", "siteurl", "release", "version", "username") if name in site}
    missing = [function for function in needed_functions(config) if function not in _offered(site)]
    problems = [f"add the function {function} to the token's external service" for function in missing]
    if catalog.FUNCTION not in missing:
        problems += await _looked_into(client, frozenset(missing), details)
    if problems:
        return CheckReport(False, problems[0], problems, details)
    return CheckReport(True, "Connection successful", details=details)


def _offered(site: Row) -> set[Any]:
    functions = site.get("functions")
    return {one.get("name") for one in functions if isinstance(one, dict)} if isinstance(functions, list) else set()


async def _looked_into(client: MoodleClient, missing: frozenset[str], details: dict[str, Any]) -> list[str]:
    """Ask for the courses, and ask one of them for one of each kind."""
    try:
        rows = await catalog.course_rows(client)
    except (ConfigurationError, Permanent) as error:
        return [str(error)]
    details["courses"] = len(rows)
    problems: list[str] = []
    for question in _questions(client, rows, missing) if rows else ():
        try:
            await question()
        except (ConfigurationError, Permanent) as error:
            problems.append(str(error))
    return problems


def _questions(
    client: MoodleClient, rows: list[Row], missing: frozenset[str]
) -> Iterator[Callable[[], Awaitable[object]]]:
    """Yield one cheap question to each function that is read."""
    course = rows[0]["id"]
    people_of_course = roster.Roster(client, course, ("id", "roles"), 1)
    if roster.FUNCTION not in missing:
        yield people_of_course.first
        yield people_of_course.inactive
    if groups.FUNCTION not in missing:
        yield lambda: client.rows(groups.FUNCTION, courseid=course)
    if grades.FUNCTION not in missing:
        yield lambda: client.rows_in("usergrades", grades.FUNCTION, courseid=course, groupid=_NO_GROUP)
