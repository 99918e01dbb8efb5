"""Every metric of every service, declared once.

`RECORDS_MAPPED.of("created").inc()`: the label values come in the order of the declaration. Labels are bounded; a
tenant, a connection, an endpoint or any other id is never one.
"""

from __future__ import annotations

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE

from edurelay.runtime.instruments import Instruments, label

__all__ = ["CONTENT_TYPE", "markdown_table", "render"]

QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

_all = Instruments("edurelay_")

# --- HTTP, incoming and between the services

HTTP_REQUESTS = _all.counter(
    "http_requests_total", "Requests answered, by operation and status", label("operation"), label("status")
)
HTTP_SECONDS = _all.histogram(
    "http_request_seconds", "Time from a request's head to its answer", label("operation"), buckets=QUICK
)
INTERNAL_REQUESTS = _all.counter(
    "internal_requests_total",
    "Requests to another service, by service and outcome",
    label("service"),
    label("outcome", "answered", "refused", "unavailable"),
)

INBOUND_WEBHOOKS = _all.counter(
    "inbound_webhooks_total",
    "Webhooks that providers sent to a right address, by outcome; a repeated one is answered and not written again",
    label("outcome", "taken", "repeated", "refused"),
)

# --- Kafka

CONSUMER_LAG = _all.gauge(
    "kafka_consumer_lag",
    "Messages between the committed offset and the end of a partition",
    label("group"),
    label("topic"),
    label("partition"),
)
CONSUMED = _all.counter(
    "kafka_consumed_total",
    "Messages finished, by outcome",
    label("topic"),
    label("outcome", "done", "dead_lettered"),
)
CONSUMER_UNFINISHED = _all.gauge(
    "kafka_consumer_unfinished", "Messages handed over and not finished yet", label("group"), label("topic")
)
CONSUMER_RETRIES = _all.counter(
    "kafka_consumer_retries_total", "Times that messages were handed over again after an error", label("topic")
)
REBALANCES = _all.counter("kafka_rebalances_total", "Assignments of partitions received", label("group"))
DEAD_LETTERS = _all.counter(
    "kafka_dead_letters_total",
    "Messages written to a dead-letter topic, by their source",
    label("topic"),
    label("reason", "malformed", "attempts_exhausted"),
)
PRODUCE_SECONDS = _all.histogram(
    "kafka_produce_seconds", "Time from a send to its acknowledgement by all replicas", buckets=QUICK
)
PRODUCED = _all.counter("kafka_produced_total", "Messages acknowledged by all replicas", label("topic"))
PRODUCE_FAILURES = _all.counter(
    "kafka_produce_failures_total",
    "Sends that were not acknowledged",
    label("reason", "timeout", "refused", "too_large"),
)
PRODUCER_REPLACEMENTS = _all.counter(
    "kafka_producer_replacements_total", "Producers replaced, since they would not have worked any more"
)

# --- connector-runner

RUNS = _all.counter(
    "runs_total",
    "Runs ended, by status",
    label("provider"),
    label("status", "succeeded", "failed", "cancelled"),
)
RUNS_ACTIVE = _all.gauge("runs_active", "Runs that this process works on")
RECORDS_READ = _all.counter(
    "records_read_total",
    "Records read from providers, by outcome",
    label("provider"),
    label("outcome", "read", "rejected"),
)
PROVIDER_REQUESTS = _all.counter(
    "provider_requests_total",
    "Requests to providers, by outcome",
    label("provider"),
    label("outcome", "ok", "configuration", "auth_expired", "throttled", "transient", "permanent", "refused"),
)
PROVIDER_SECONDS = _all.histogram(
    "provider_request_seconds", "Time that a provider took to answer", label("provider"), buckets=SLOW
)

# --- mapping

RECORDS_MAPPED = _all.counter(
    "records_mapped_total",
    "Records mapped, by outcome",
    label("outcome", "created", "updated", "unchanged", "rejected"),
)
EVENTS_EMITTED = _all.counter("events_emitted_total", "Events emitted, acknowledged by Kafka", label("entity_type"))
MAPPING_BATCHES = _all.counter(
    "mapping_batches_total",
    "Batches of records mapped; a replayed one had been mapped before",
    label("outcome", "mapped", "replayed"),
)
MAPPING_SECONDS = _all.histogram(
    "mapping_batch_seconds",
    "Time for the records of one poll, by phase",
    label("phase", "look_up", "write", "emit", "total"),
    buckets=QUICK,
)

# --- webhook-dispatcher

DELIVERY_ATTEMPTS = _all.counter(
    "delivery_attempts_total",
    "Attempts to deliver, by where they left the delivery",
    label("outcome", "delivered", "retry", "dead_lettered"),
)
DELIVERY_SECONDS = _all.histogram(
    "delivery_seconds",
    "Time of a delivery, by phase: from the event's time to the first attempt, the exchange, the writing of its state",
    label("phase", "queue", "request", "store"),
    buckets=SLOW,
)
DELIVERY_QUEUE_AGE = _all.gauge("delivery_queue_age_seconds", "How long the oldest due delivery has been due")
CONDITIONS = _all.counter(
    "conditions_total",
    "Conditions of endpoints evaluated for an event, by outcome",
    label("outcome", "held", "did_not_hold", "failed"),
)
WINDOW_FULL = _all.counter(
    "delivery_window_full_total", "Deliveries put into the due-time index, since their endpoint's window was full"
)
ATTEMPTS_UNDER_WAY = _all.gauge("delivery_attempts_under_way", "Attempts to deliver that this process has under way")
ATTEMPTS_REFUSED = _all.counter(
    "delivery_attempts_refused_total",
    "Attempts that had to wait for a place, by whose share of the places was used up",
    label("share", "tenant", "endpoint"),
)
OPEN_BREAKERS = _all.gauge(
    "delivery_open_breakers", "Endpoints that rest in this process, since nearly nothing arrives there"
)
DELIVERIES = _all.gauge(
    "deliveries", "Deliveries that have not arrived, by status", label("status", "pending", "dead_lettered")
)
LEDGER_DIFFERENCE = _all.gauge(
    "delivery_ledger_difference", "Matches of which no delivery is known, as the audit found them: always 0"
)

# --- the process

EVENT_LOOP_LAG = _all.histogram(
    "event_loop_lag_seconds", "How much later than asked a timer of the event loop fires", buckets=QUICK
)

METRICS = tuple(_all.declared)

ProcessCollector(registry=_all.registry)
PlatformCollector(registry=_all.registry)
GCCollector(registry=_all.registry)


def render() -> bytes:
    """Return all metrics in the text form that Prometheus reads, to be served as `CONTENT_TYPE`."""
    return generate_latest(_all.registry)


def markdown_table() -> str:
    """Return the reference page's table: name, type, labels with their values, and what is measured."""
    rows = ["| name | type | labels | what it tells |", "|---|---|---|---|"]
    for metric in METRICS:
        labels = ", ".join(
            f"`{each.name}`" + (f" ({', '.join(sorted(each.values))})" if each.values else "") for each in metric.labels
        )
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(rows) + "\n"
