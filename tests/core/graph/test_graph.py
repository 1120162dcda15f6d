import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.mission import Mission
from core.errors import BugError
from core.graph.dag import Graph, find_cycle, find_cycles, invert, topological_order
from tests.support.missions import dags, mission, missions


def test_steps_that_are_ready_together_keep_file_order() -> None:
    graph = Graph.of(mission("a b c d; a c -> d"))
    assert graph.order_ids == ("a", "b", "c", "d")


def test_a_dependency_overrides_file_order() -> None:
    graph = Graph.of(mission("late early; early -> late"))
    assert graph.order_ids == ("early", "late")


def test_neighbours_are_numbered_by_file_order() -> None:
    graph = Graph.of(mission("fetch -> build test; build test -> ship"))
    assert graph.upstream == ((), (0,), (0,), (1, 2))
    assert graph.downstream == ((1, 2), (3,), (3,), ())


def test_ancestors_and_descendants_reach_through_the_whole_graph() -> None:
    graph = Graph.of(mission("a -> b -> c; d -> c; e"))
    assert graph.ancestors("c") == {"a", "b", "d"}
    assert graph.ancestors("a") == frozenset()
    assert graph.descendants("a") == {"b", "c"}


def test_a_generation_holds_what_can_run_at_the_same_time() -> None:
    graph = Graph.of(mission("a -> b -> d; c -> d"))
    names = [[graph.ids[number] for number in layer] for layer in graph.generations()]
    assert names == [["a", "c"], ["b"], ["d"]]


def test_the_critical_path_is_the_slowest_one() -> None:
    graph = Graph.of(mission("a -> b -> d; a -> c -> d"))
    path, total = graph.critical_path({"a": 1.0, "b": 5.0, "c": 2.0, "d": 1.0})
    assert (path, total) == (("a", "b", "d"), 7.0)


def test_the_critical_path_without_durations_still_is_a_path() -> None:
    assert Graph.of(mission("a")).critical_path({}) == (("a",), 0.0)


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ([("a", "b"), ("b", "c"), ("c", "a")], ["a", "b", "c", "a"]),
        ([("x", "a"), ("a", "b"), ("b", "a")], ["a", "b", "a"]),
        ([("a", "a")], ["a", "a"]),
        ([("a", "b"), ("b", "c")], None),
        ([], None),
    ],
)
def test_a_cycle_is_given_as_its_path(
    edges: list[tuple[str, str]], cycle: list[str] | None
) -> None:
    assert find_cycle(edges) == cycle


def test_every_knot_of_steps_has_its_own_cycle() -> None:
    upstream = [[1], [0], [3], [2], [0], [5]]
    assert find_cycles(upstream) == [[0, 1], [2, 3], [5]]


def test_the_shortest_cycle_through_a_knot_is_shown() -> None:
    upstream = [[1, 3], [2], [3], [0]]
    assert find_cycles(upstream) == [[0, 3]]


def test_a_graph_refuses_a_circle() -> None:
    with pytest.raises(BugError):
        Graph(["a", "b"], [[1], [0]])


def test_a_hundred_thousand_steps_in_a_chain_are_ordered() -> None:
    count = 100_000
    graph = Graph([f"s{n}" for n in range(count)], [[n - 1] if n else [] for n in range(count)])
    assert graph.order == tuple(range(count))
    assert graph.rank[-1] == count - 1
    assert graph.is_upstream(0, count - 1)


@given(dags())
def test_every_step_stands_behind_what_it_depends_on(upstream: list[list[int]]) -> None:
    graph = Graph([f"s{number}" for number in range(len(upstream))], upstream)
    position = {number: place for place, number in enumerate(graph.order)}
    assert sorted(graph.order) == list(range(len(upstream)))
    assert all(position[need] < position[n] for n, needs in enumerate(upstream) for need in needs)


@given(dags())
def test_the_order_is_the_first_of_all_in_file_order(upstream: list[list[int]]) -> None:
    order = Graph([str(number) for number in range(len(upstream))], upstream).order
    done: set[int] = set()
    for number in order:
        ready = [n for n, needs in enumerate(upstream) if n not in done and done.issuperset(needs)]
        assert number == min(ready)
        done.add(number)


@given(missions())
def test_is_upstream_agrees_with_ancestors(drawn: Mission) -> None:
    graph = Graph.of(drawn)
    for later, name in enumerate(graph.ids):
        above = graph.ancestors(name)
        for earlier, other in enumerate(graph.ids):
            assert graph.is_upstream(earlier, later) == (other in above)


@given(dags(), st.data())
def test_closing_a_path_makes_a_cycle_that_is_found(
    upstream: list[list[int]], data: st.DataObject
) -> None:
    graph = Graph([str(number) for number in range(len(upstream))], upstream)
    name = data.draw(st.sampled_from(graph.ids))
    below = graph.descendants(name)
    if not below:
        return
    start = graph.index[name]
    closing = graph.index[data.draw(st.sampled_from(sorted(below)))]
    knotted = [list(needs) for needs in upstream]
    knotted[start].append(closing)
    (cycle,) = find_cycles(knotted)
    assert {start, closing} <= set(cycle)
    followers = [*cycle[1:], cycle[0]]
    assert all(after in knotted[number] for number, after in zip(cycle, followers, strict=True))
    tuples = tuple(tuple(needs) for needs in knotted)
    assert len(topological_order(tuples, invert(tuples))) < len(knotted)
