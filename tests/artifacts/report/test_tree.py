from dataclasses import replace

import samples
from gistill.artifacts.citations import Citations
from gistill.artifacts.report import tree


def shown(done) -> str:
    return tree.section(done, Citations(done, samples.thread()))


def test_every_node_below_the_summary_unfolds():
    html = shown(samples.done())
    assert html.count('<details class="node"') == 4
    assert html.index("Parts 1–2") < html.index("Part 1 (") < html.index("Part 2 (")
    assert html.index("Part 2 (") < html.index("Part 3 (")


def test_a_gap_is_seen_without_unfolding():
    html = shown(samples.done())
    assert '<details class="node" data-gap><summary><b>Part 3' in html
    assert "<span>2 sentences, a gap</span>" in html
    assert "Gap: the model repeated itself. Written by extractive instead." in html


def test_notes_are_shown_with_what_was_folded_into_them():
    html = shown(samples.done())
    assert html.count("1 sentence folded in") == 2  # in its part, and in the summary of two parts


def test_a_note_that_was_folded_away_is_marked():
    done = samples.done()
    html = shown(replace(done, local=done.local[:1] + done.local[2:]))
    assert html.count('class="folded claim') == 1


def test_one_pass_has_no_tree():
    assert "one pass" in shown(samples.single())
