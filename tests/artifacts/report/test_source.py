import re
from dataclasses import replace

import pytest

import samples
from gistill.artifacts.citations import Citations
from gistill.artifacts.report import source
from gistill.types import Chunk, Coverage, Locator, Source, Unread

DONE, THREAD = samples.done(), samples.thread()


def shown(done=DONE, thread=THREAD) -> str:
    return source.sections(done, thread, Citations(done, thread))


def test_every_segment_is_there_once_in_order():
    html = shown()
    assert re.findall(r'<li id="t(\d+)"', html) == [str(n) for n in range(1, 11)]
    assert html.count("这") == 0
    assert html.count("我们应该先测试打孔卡片") == 1


def test_cited_noted_and_unread_segments_are_told_apart():
    html = shown()
    assert '<li id="t1" class="cited">' in html
    assert '<li id="t2"><span' in html
    assert '<li id="t8" class="noted">' in html
    assert '<li id="t9" class="unread">' in html
    assert html.count(">not read</span>") == 2


def test_cited_segments_lead_back_to_their_sentences():
    html = shown()
    assert '<p class="back"><a href="#c2">cited in sentence 2</a></p>' in html
    assert html.count("cited in sentence 1<") == 2


def test_parts_are_headed_without_their_overlap():
    heads = re.findall(r"<h3[^>]*>(.*?)</h3>", shown())
    assert heads == [
        "Part 1 <span>00:14:00–00:14:10</span>",
        "Part 2 <span>00:14:15–00:14:25</span>",
        "Part 3 <span>00:14:30–00:14:45</span>",
    ]


def test_several_files_are_headed_by_name():
    segments = tuple(
        replace(s, at=Locator("<b>.txt" if n > 4 else "a.txt", (0, 1)))
        for n, s in enumerate(THREAD.segments)
    )
    thread = replace(THREAD, segments=segments, sources=(Source("a", "", ""), Source("b", "", "")))
    html = shown(thread=thread)
    assert "Part 1, a.txt" in html
    assert "Part 2, &lt;b&gt;.txt" in html


def test_segments_outside_all_parts_are_headed_by_why():
    chunks = (Chunk("c0001", THREAD.segments[3:5], 10),)
    left = Unread("not located for the query", 10, tuple(s.id for s in THREAD.segments[5:]))
    html = shown(replace(DONE, chunks=chunks, coverage=Coverage(1, 2, (left,))))
    assert re.findall(r"<h3[^>]*>([\w ]+) <span>", html) == ["Between parts", "Part 1", "Not read"]


def test_headline_counts_what_the_summary_cites():
    assert source.headline(THREAD, Citations(DONE, THREAD)) == "6 of 10 turns cited"


def test_a_huge_thread_shows_cited_segments_and_says_what_it_leaves_out(monkeypatch):
    # The limit is lowered: pages of its real size take seconds to make.
    monkeypatch.setattr(source, "WHOLE", 50)
    base = THREAD.segments[0]
    segments = tuple(replace(base, id=f"s{n:06d}") for n in range(100))
    thread = replace(THREAD, segments=segments)
    summary = replace(
        DONE.summary, claims=(samples.claim("x", 0), samples.claim("y", 50)), children=()
    )
    done = replace(DONE, summary=summary, local=(), chunks=(Chunk("c0000", segments, 9),))
    html = shown(done, thread)
    listed = [int(n) for n in re.findall(r'<li id="t(\d+)"', html)]
    assert listed == [*range(1, 7), *range(46, 57)]
    assert re.findall(r"([\d,]+) not shown", html) == ["39", "44"]
    assert "surroundings" in source.headline(thread, Citations(done, thread))


@pytest.mark.parametrize("count", [49, 50, 51, 101])
def test_blocks_hold_all_segments(count: int):
    segments = tuple(replace(THREAD.segments[0], id=f"s{n:06d}") for n in range(count))
    html = shown(replace(DONE, chunks=()), replace(THREAD, segments=segments))
    assert len(re.findall("<li id", html)) == count
    assert html.count("<ol>") == -(-count // 50)
