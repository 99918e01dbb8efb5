"""`python -m edurelay_gateway`"""

import sys

from edurelay.runtime.supervisor import run_service
from edurelay_gateway.app import build
from edurelay_gateway.settings import GatewaySettings

if __name__ == "__main__":
    settings = GatewaySettings.load()
    sys.exit(run_service("gateway", settings, lambda lifetime: build(settings, lifetime)))
