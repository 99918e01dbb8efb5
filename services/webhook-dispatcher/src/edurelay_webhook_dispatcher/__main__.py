"""`python -m edurelay_webhook_dispatcher`"""

import sys

from edurelay.runtime.supervisor import run_service
from edurelay_webhook_dispatcher.app import build
from edurelay_webhook_dispatcher.settings import DispatcherSettings

if __name__ == "__main__":
    settings = DispatcherSettings.load()
    sys.exit(run_service("webhook-dispatcher", settings, lambda lifetime: build(settings, lifetime)))
