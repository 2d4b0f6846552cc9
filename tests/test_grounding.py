"""What a sentence rests on, and what in it rests on nothing."""

import pytest

from gistill.grounding import THRESHOLD, Evidence, flags, positions, support_rate
from gistill.types import Claim
from threads import meeting, thread

TALK = thread(
    "Ada: The launch moves to the ninth of May because the ferry is in dry dock.",
    "Grace: Two prisms are cracked, and a pair costs 3,850 pounds from Gdansk.",
    "Edsger: There is a sheep on the causeway again.",
    "Grace: {vocalsound}",
    "Ada: I will call the firm in Inverness about the lightning conductor tomorrow.",
)


def ground(sentence):
    return Evidence(TALK.segments).ground([sentence])[0]


@pytest.mark.parametrize(
    ("sentence", "cites"),
    [
        ("The launch was moved to 9 May as the ferry is in dry dock.", ("s000000",)),
        ("A pair of prisms from Gdansk costs 3,850 pounds.", ("s000001",)),
        ("Ada calls the Inverness firm about the lightning conductor.", ("s000004",)),
        (
            "The launch moved since the ferry is in dry dock, and two prisms are cracked.",
            ("s000000", "s000001"),
        ),
    ],
)
def test_a_sentence_cites_where_it_came_from(sentence, cites):
    claim = ground(sentence)
    assert claim.cites == cites
    assert claim.support >= THRESHOLD


def test_an_invented_sentence_has_no_support():
    claim = ground("The quarterly revenue of the Tokyo branch doubled under Mr Tanaka.")
    assert claim.support < THRESHOLD
    assert "Tokyo" in claim.flags


def test_a_sentence_that_names_the_wrong_speaker_cites_who_said_it():
    claim = ground("Grace said that she calls the firm in Inverness about the lightning conductor.")
    assert (claim.cites, claim.flags) == (("s000004",), ("Grace",))
    right = ground("Ada said that she calls the firm in Inverness about the lightning conductor.")
    assert right.flags == ()
    assert right.support > claim.support


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            "Then Grace said that the launch moves to May because of the ferry in dry dock.",
            "Then Ada said that the launch moves to May because of the ferry in dry dock.",
        ),
        ("Grace told Ada that the launch moves because of the ferry in dry dock.", None),
        ("Grace was content.", None),
        ("Grace calls the firm in Inverness about the lightning conductor.", None),
        ("Two prisms are cracked, Ada said.", None),
        ("Grace said that two prisms are cracked.", None),
    ],
)
def test_names_are_put_right_where_it_is_clear_who_spoke(sentence, expected):
    assert Evidence(TALK.segments).put_right(sentence) == (expected or sentence)


def test_a_name_in_a_script_without_spaces_is_left_alone():
    talk = thread("田中太郎: 船は六月まで修理中です。", "鈴木花子: 予算は来週決めます。")
    evidence = Evidence(talk.segments)
    sentence = "田中太郎は予算を来週決めると言いました。"
    assert evidence.put_right(sentence) == sentence
    assert evidence.ground([sentence])[0].cites


def test_without_evidence_nothing_is_cited():
    claim = Evidence(()).ground(["Anything at all."])[0]
    assert (claim.cites, claim.support) == ((), 0.0)
    assert Evidence(TALK.segments).ground([]) == []


@pytest.mark.parametrize(
    ("sentence", "said", "expected"),
    [
        ("The pair costs 3,850 pounds.", "it costs 3,850 pounds", ()),
        ("The pair costs 4,850 pounds.", "it costs 3,850 pounds", ("4,850",)),
        ("Seven people came on 12 May.", "twelve of us came in May", ()),
        ("Grace asked Linus.", "Grace: I asked", ("Linus",)),
        ("Linus Torvalds asked.", "Grace: I asked", ("Linus", "Torvalds")),
        ("Budgets were cut.", "money went", ()),
        ("Ada's report is late.", "Ada: the report is late", ()),
        ("We meet at 10:30.", "at 10:30 then", ()),
        ("We open on the twentieth.", "the sixteenth, at twenty past", ()),
        ("We open on the nineteenth.", "the sixteenth, at twenty past", ("nineteenth",)),
    ],
)
def test_names_and_numbers_that_were_not_said_are_flagged(sentence, said, expected):
    assert flags(sentence, said) == expected


def test_positions_count_citations_over_the_thread():
    segments = meeting(20).segments
    claims = [
        Claim("a.", ("s000000", "s000001"), 1.0),
        Claim("b.", ("s000019",), 0.1),
    ]
    assert positions(claims, segments) == (2, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    assert support_rate(claims) == 0.5
    assert support_rate([]) == 0.0
