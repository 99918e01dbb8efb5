"""`python -m edurelay_mapping`"""

import sys

from edurelay.runtime.supervisor import run_service
from edurelay_mapping.app import NAME, build
from edurelay_mapping.settings import MappingSettings

if __name__ == "__main__":
    settings = MappingSettings.load()
    sys.exit(run_service(NAME, settings, lambda lifetime: build(settings, lifetime)))
