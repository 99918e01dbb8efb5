from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from edurelay_webhook_dispatcher.shares import Refusal, Shares


def fill(shares: Shares, wanted: Iterable[tuple[str, str]]) -> Counter[str]:
    """Let everybody take places in turn until all are refused; return what each tenant got."""
    got = Counter[str]()
    waiting = list(wanted)
    while waiting:
        waiting = [who for who in waiting if shares.take(*who) is None and not got.update([who[0]])]
    return got


def test_a_tenant_alone_gets_half_of_the_places() -> None:
    wanted = [("north", f"endpoint {n}") for n in range(1000)]
    assert fill(Shares(100), wanted)["north"] == 50


@given(st.integers(1, 6), st.integers(20, 120))
def test_n_tenants_that_want_everything_get_their_equal_parts_and_leave_one_free(tenants: int, places: int) -> None:
    shares = Shares(places)
    got = fill(shares, [(f"t{n}", f"t{n}e{m}") for m in range(places) for n in range(tenants)])
    assert max(got.values()) - min(got.values()) <= 1
    assert abs(shares.free - places / (tenants + 1)) <= tenants


@given(st.integers(1, 20), st.integers(50, 200))
def test_who_comes_new_finds_places_beside_those_that_want_everything(neighbours: int, places: int) -> None:
    shares = Shares(places)
    fill(shares, [("north", f"e{n}") for n in range(neighbours)])
    assert shares.take("north", "another") is None
    assert shares.take("south", "another of another") is None


def test_an_endpoint_that_has_none_gets_a_place_while_its_tenant_may_have_any() -> None:
    shares = Shares(10)
    assert [shares.take("north", "greedy") for _ in range(4)] == [None, None, None, Refusal.ENDPOINT]
    assert shares.take("north", "modest") is None
    assert shares.take("north", "another") is None
    assert shares.take("north", "yet another") is Refusal.TENANT


def test_who_was_refused_is_called_up_when_a_place_is_free_tenants_in_turn_and_endpoints_in_turn() -> None:
    shares = Shares(4)
    for name in ("x0", "x1", "a0", "b0"):
        assert shares.take(name[0], name) is None
    for name in ("a1", "a2", "b1", "c0", "c1"):
        assert shares.take(name[0], name) is Refusal.TENANT
    called = []
    for name in ("x0", "x1", "a0", "b0", "a1"):
        shares.give_back(name[0], name)
        while (endpoint := shares.call_up()) is not None:
            called.append(endpoint)
            assert shares.take(endpoint[0], endpoint) is None
    assert called == ["c0", "a1", "b1", "c1", "a2"]


class Model:
    """What has to hold after any course of events."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.shares = Shares(places)
        self.under_way: list[tuple[str, str]] = []

    def take(self, who: tuple[str, str]) -> None:
        had = sum(each == who for each in self.under_way)
        tenants = sum(each[0] == who[0] for each in self.under_way)
        free = self.places - len(self.under_way)
        refusal = self.shares.take(*who)
        assert (refusal is None) == (tenants < free and (had == 0 or had + 1 < free - tenants))
        assert self.shares.waits(*who) == (refusal is not None)
        if refusal is None:
            self.under_way.append(who)

    def end(self, number: int) -> None:
        if self.under_way:
            self.shares.give_back(*self.under_way.pop(number % len(self.under_way)))
            self.call_up()

    def call_up(self) -> None:
        while (endpoint := self.shares.call_up()) is not None:
            who = (endpoint.split(".")[0], endpoint)
            assert not self.shares.waits(*who)
            assert self.shares.take(*who) is None
            self.under_way.append(who)


NAMES = st.tuples(st.sampled_from("abc"), st.integers(0, 3)).map(lambda name: (name[0], f"{name[0]}.{name[1]}"))


@given(st.integers(1, 12), st.lists(st.one_of(NAMES, st.integers(0, 50)), max_size=80))
def test_never_more_than_the_places_are_taken_and_nobody_is_left_who_may_begin(
    places: int, course: list[tuple[str, str] | int]
) -> None:
    model = Model(places)
    for step in course:
        if isinstance(step, int):
            model.end(step)
        else:
            model.take(step)
        assert model.shares.taken == len(model.under_way) == places - model.shares.free
        for tenant in "abc":
            for number in range(4):
                who = (tenant, f"{tenant}.{number}")
                assert not model.shares.waits(*who) or model.shares.refusal(*who) is not None
