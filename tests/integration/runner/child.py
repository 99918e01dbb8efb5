"""A whole runner as a process of its own, with a provider of a given size that takes its time over each page."""

from __future__ import annotations

import os
import sys
from functools import partial

from edurelay.runtime.supervisor import run_service
from edurelay_connector_runner.app import build
from edurelay_connector_runner.sdk.registry import Registry
from edurelay_connector_runner.settings import RunnerSettings
from integration.runner.scripted import Provider, connector_for, rows

if __name__ == "__main__":
    students = int(os.environ["TEST_STUDENTS"])
    provider = Provider({"courses": rows("c", 20), "students": rows("s", students)}, delay=0.05)
    settings = RunnerSettings.load()
    registry = Registry({"SCRIPTED": connector_for(provider)})
    sys.exit(run_service("connector-runner", settings, partial(build, settings, registry=registry)))
