"""Fusing: groups that stay put, and a union in which every child is heard."""

from hypothesis import given
from hypothesis import strategies as st

from gistill.teacher.fuse import Limits, compose, groups, joined, notes, union
from gistill.types import Claim, Summary


def words(text: str) -> int:
    return len(text.split())


def leaf(number: int, *claims: Claim) -> Summary:
    return Summary(f"n0-c{number}", claims, 0, "echo", chunk=f"c{number}")


def claim(text: str, *cites: str, support: float = 0.9) -> Claim:
    return Claim(text, cites, support)


LEAVES = [leaf(n, claim(f"Point {n} was decided.", f"s{n}")) for n in range(6)]


@given(st.lists(st.integers(1, 30), min_size=2, max_size=60), st.integers(1, 100))
def test_groups_are_neighbours_and_fewer(sizes, room):
    leaves = [leaf(n, claim("w " * size, f"s{n}")) for n, size in enumerate(sizes)]
    found = groups(leaves, words, room)
    assert [node for group in found for node in group] == leaves
    assert len(found) < len(leaves)


@given(st.lists(st.integers(5, 20), min_size=2, max_size=60), st.integers(1, 20))
def test_appending_moves_only_the_last_two_groups(sizes, more):
    leaves = [leaf(n, claim("w " * size, f"s{n}")) for n, size in enumerate([*sizes, more])]
    before, after = groups(leaves[:-1], words, 60), groups(leaves, words, 60)
    assert after[: max(0, len(before) - 2)] == before[: max(0, len(before) - 2)]


def test_notes_are_bullets_in_order():
    assert notes(LEAVES[:2]) == "- Point 0 was decided.\n- Point 1 was decided."


def test_every_child_is_heard_when_there_is_room():
    own = [claim("Points 0 and 1 were decided.", "s0", "s1")]
    kept = compose(own, LEAVES, Limits(100, words, 0.35))
    assert {cite for c in kept for cite in c.cites} == {f"s{n}" for n in range(6)}
    assert [c.text for c in kept][:2] == ["Points 0 and 1 were decided.", "Point 2 was decided."]


def test_a_late_child_takes_the_place_of_a_sentence_about_a_child_heard_twice():
    own = [
        claim("Point 0 was decided today.", "s0", support=0.9),
        claim("It was point 0 indeed.", "s0", support=0.5),
        claim("Point 1 too.", "s1"),
    ]
    kept = compose(own, [LEAVES[0], LEAVES[1], LEAVES[5]], Limits(13, words, 0.35))
    assert [c.text for c in kept] == [own[0].text, own[2].text, "Point 5 was decided."]


def test_a_child_is_heard_by_what_it_names_rather_than_by_what_is_surest():
    vague = claim("They talked about it all.", "s1", support=0.9)
    exact = claim("They ordered two prisms from Gdańsk.", "s2", support=0.6)
    invented = Claim("They ordered 40 lamps from Kraków.", ("s3",), 0.5, ("40", "Kraków"))
    unsure = claim("It costs 3,850 pounds in Kraków on 2 May.", "s4", support=0.2)
    child = leaf(1, vague, unsure, invented, exact)
    kept = compose([claim("Point 0.", "s0")], [LEAVES[0], child], Limits(9, words, 0.35))
    assert [c.text for c in kept] == ["Point 0.", exact.text]


def test_unsupported_sentences_come_last_or_not_at_all():
    own = [claim("The moon is cheese.", "s0", support=0.1), claim("Point 0 stands.", "s0")]
    loose = compose(own, LEAVES[:2], Limits(100, words, 0.35))
    assert [c.text for c in loose] == [
        "The moon is cheese.",
        "Point 0 stands.",
        "Point 1 was decided.",
    ]
    tight = compose(own, LEAVES[:2], Limits(8, words, 0.35))
    assert "The moon is cheese." not in [c.text for c in tight]
    strict = compose(own, LEAVES[:2], Limits(100, words, 0.35, strict=True))
    assert "The moon is cheese." not in [c.text for c in strict]


def test_an_unsupported_sentence_gives_way_to_news_of_the_children():
    told, more = claim("Point 1 was decided.", "s1"), claim("The pump costs 640 euros.", "s2")
    doubtful = claim("A pump may be red.", "s3", support=0.2)
    child = leaf(0, told, doubtful, more)
    own = [claim("The moon is cheese.", "s9", support=0.1), claim("Point 1 stands.", "s1")]
    kept = compose(own, [child], Limits(100, words, 0.35))
    assert [c.text for c in kept] == ["Point 1 stands.", more.text]
    nothing_new = compose(own, [leaf(0, told, doubtful)], Limits(100, words, 0.35))
    assert [c.text for c in nothing_new] == [c.text for c in own]


def test_a_sentence_that_cites_nothing_stands_only_alone():
    limits = Limits(100, words, 0.35)
    own = [claim("The moon is cheese.", support=0.0), claim("Point 0 stands.", "s0")]
    kept = compose(own, LEAVES[:2], limits)
    assert [c.text for c in kept] == ["Point 0 stands.", "Point 1 was decided."]
    assert compose(own[:1], (), limits) == tuple(own[:1])


@given(st.lists(st.integers(1, 9), max_size=8), st.integers(1, 40))
def test_the_limit_holds(lengths, limit):
    own = [claim("w " * n + f"{i}.", f"s{i}") for i, n in enumerate(lengths)]
    kept = compose(own, LEAVES, Limits(limit, words, 0.35))
    assert words(joined(kept)) <= limit


def test_a_union_needs_no_model():
    node = union("n1", 1, LEAVES, Limits(100, words, 0.35), "no time")
    assert [c.text for c in node.claims] == [c.claims[0].text for c in LEAVES]
    assert (node.by, node.gap, node.children) == ("union", "no time", tuple(LEAVES))
