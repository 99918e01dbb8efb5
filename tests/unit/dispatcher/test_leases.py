"""For how long a delivery is left to a dispatcher that may be dead, and that one which lives keeps what it has."""

from __future__ import annotations

from edurelay.kafka.membership import HEARTBEAT_SECONDS, SESSION_SECONDS
from edurelay_webhook_dispatcher.courier import SWEEP
from edurelay_webhook_dispatcher.lanes import CLAIM_SECONDS, LEASE, PATIENCE, RENEWED
from edurelay_webhook_dispatcher.retrier import POLL

#: How soon what was in flight at a dead dispatcher comes again, in seconds, where another one has nothing to finish.
PROMISED = 15.0
#: What a slow store and a busy process may take, in seconds.
SLACK = 4.0


def test_what_was_claimed_comes_again_in_time() -> None:
    assert LEASE + POLL < PROMISED


def test_what_was_never_written_comes_again_in_time() -> None:
    # The others hear of it with their next heartbeat.
    assert SESSION_SECONDS + HEARTBEAT_SECONDS < PROMISED


def test_a_lease_is_renewed_long_before_it_ends() -> None:
    assert PATIENCE + SWEEP < RENEWED
    assert LEASE - RENEWED - SWEEP > SLACK


def test_what_waited_too_long_for_its_attempt_is_not_begun_with_the_end_of_its_lease() -> None:
    assert LEASE - CLAIM_SECONDS > SLACK
