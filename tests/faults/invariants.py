"""What must hold after whatever was done to the system. The numbers are those of the design's list."""

from __future__ import annotations

from collections import defaultdict

from edurelay_client.models import Counts, Run
from faults.evidence import Evidence


def hold(evidence: Evidence) -> None:
    """Check all of them."""
    accepted_is_durable(evidence)
    every_change_gives_one_event(evidence)
    identity_is_one_to_one(evidence)
    every_match_ends(evidence)
    green_means_counted(evidence)
    what_is_known_is_not_told_again(evidence)


def accepted_is_durable(evidence: Evidence) -> None:
    """1: what got a 202 is in the topic, and nothing that nobody asked for; who got none is told when to come again."""
    publisher = evidence.publisher
    assert publisher.accepted, "nothing was published"
    assert publisher.answers.keys() <= {202, 503, 0}
    assert publisher.without_retry_after == 0
    assert publisher.accepted - evidence.published == set()
    assert evidence.published - publisher.asked == set()


def every_change_gives_one_event(evidence: Evidence) -> None:
    """2: each record gave exactly one event, and every copy of it has the same attributes and the same bytes."""
    ids, contents = defaultdict(set), defaultdict(set)
    for entry in evidence.told:
        data = entry.data
        kind = entry.attributes["ce_type"].removesuffix(".created")
        ids[kind, data["external_id"]].add(entry.id)
        contents[entry.id].add((*sorted(entry.attributes.items()), entry.value))
    assert ids.keys() == {(kind, each) for kind, known in evidence.school.ids.items() for each in known}
    assert [each for each in ids.items() if len(each[1]) > 1] == []
    assert [each for each in contents.items() if len(each[1]) > 1] == []
    assert len(contents) == evidence.school.size


def identity_is_one_to_one(evidence: Evidence) -> None:
    """3: one inside id for each outside id and the other way round, and events speak of the same ids."""
    mapped = {(each.entity_type, each.external_id): each.internal_id for each in evidence.mappings}
    assert len(evidence.mappings) == len(mapped) == len(set(mapped.values())) == evidence.school.size
    assert {(entry.attributes["ce_subject"], entry.data["external_id"]) for entry in evidence.told} == {
        (internal, external) for (_, external), internal in mapped.items()
    }


def every_match_ends(evidence: Evidence) -> None:
    """4: the ledger added up whenever it was looked at, all was delivered, and it came, under one id and alike."""
    for ledger in evidence.ledgers:
        assert ledger.matched == ledger.delivered + ledger.pending + ledger.dead_lettered
    ids = {each.id for each in evidence.events}
    last = evidence.ledgers[-1]
    assert (last.matched, last.delivered, last.pending, last.dead_lettered) == (len(ids), len(ids), 0, 0)
    assert set(evidence.received) == ids
    bodies = {(request.headers["webhook-id"], request.body) for request in evidence.requests}
    assert len(bodies) == len(ids)
    assert evidence.repeated <= evidence.under_way


def green_means_counted(evidence: Evidence) -> None:
    """6: the first run created every record once; what was read again after a crash was found to be unchanged."""
    counts = evidence.first.counts
    assert succeeded(evidence.first)
    assert (counts.created, counts.updated, counts.rejected) == (evidence.school.size, 0, 0)
    assert counts.source >= evidence.school.size


def what_is_known_is_not_told_again(evidence: Evidence) -> None:
    """2: a second run over the same files changes nothing, and the topic has not one message more."""
    size = evidence.school.size
    assert succeeded(evidence.second)
    assert evidence.second.counts == Counts(source=size, unchanged=size)
    assert evidence.events_of_second == []


def succeeded(run: Run) -> bool:
    """Return True if the run succeeded, and adds up as a whole and in each stream."""
    every = [run.counts, *(stream.counts for stream in run.streams)]
    return run.status == "succeeded" and all(
        each.source == each.created + each.updated + each.unchanged + each.rejected for each in every
    )
