"""`python -m edurelay_connector_runner`: load the settings, and run."""

from __future__ import annotations

import sys
from functools import partial

from edurelay.runtime.supervisor import run_service
from edurelay_connector_runner.app import build
from edurelay_connector_runner.settings import RunnerSettings

if __name__ == "__main__":
    settings = RunnerSettings.load()
    sys.exit(run_service("connector-runner", settings, partial(build, settings)))
