import re

import samples
from gistill.artifacts.citations import Citations
from gistill.artifacts.report import claims

DONE = samples.done()
CITATIONS = Citations(DONE, samples.thread())


def test_sentences_carry_number_source_and_support():
    html = claims.items(DONE, CITATIONS)
    assert html.count("<li id=") == 5
    assert '<li id="c1" class="claim s4" data-support="0.90" title="support 0.90">' in html
    assert (
        '<a class="chip" href="#t1" title="00:14:00, Ada Lovelace" '
        'aria-label="Source 1: 00:14:00, Ada Lovelace">1</a>'
    ) in html


def test_the_sources_of_a_sentence_come_by_number():
    ids = tuple(reversed(CITATIONS.numbers))
    found = re.findall(r">(\d+)</a>", claims.chips(ids, CITATIONS))
    assert found == [str(n) for n in sorted(CITATIONS.numbers.values())]
    assert len(found) > 2
    # Not all are cited in the order in which they stand in the thread, or this says nothing.
    assert list(CITATIONS.numbers) != sorted(CITATIONS.numbers)


def test_weak_and_flagged_sentences_say_why():
    html = claims.items(DONE, CITATIONS)
    assert html.count("Weak support") == 1
    assert html.count("No source") == 1
    assert "Check: “12 June” is in none of the 2 turns it cites." in html


def test_what_was_folded_in_is_shown():
    html = claims.item(DONE.local[0], CITATIONS)
    assert "<summary>1 sentence folded in</summary>" in html
    assert "They ship on 4 May." in html
    assert "similarity 0.95" in html


def test_a_sentence_without_sources_has_no_chips():
    assert "chip" not in claims.item(samples.claim("Nothing."), CITATIONS)
    unknown = samples.claim("Nothing.", 999)
    assert "chip" not in claims.item(unknown, CITATIONS)


def test_support_falls_into_five_steps():
    shown = [claims.item(samples.claim("x", support=s), CITATIONS) for s in (0, 0.2, 0.5, 0.79, 1)]
    assert [html.split('class="claim ')[1][:2] for html in shown] == ["s0", "s1", "s2", "s3", "s4"]


def test_escape_covers_attributes_and_terminal_codes():
    assert claims.escape("\"'<&>\x1b") == "&quot;&#x27;&lt;&amp;&gt;\ufffd"
