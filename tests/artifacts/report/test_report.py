import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources

import pytest
from hypothesis import HealthCheck, given, settings

import samples
from gistill.artifacts import report

VOID = {"meta", "input", "line", "rect", "br", "link", "img"}
ASSETS = resources.files("gistill.artifacts.report")


class Page(HTMLParser):
    """What a browser would take from a page: elements, ids, links, inline code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.tags: set[str] = set()
        self.code: dict[str, str] = {}
        self.csp = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(values)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in values:
            self.ids.append(values["id"])
        if "href" in values:
            self.links.append(values["href"])
        if values.get("http-equiv") == "Content-Security-Policy":
            self.csp = values["content"]

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            self.code[self.open[-1]] = self.code.get(self.open[-1], "") + data

    def handle_comment(self, data):
        raise AssertionError("the page holds a comment")


def check(html: str) -> Page:
    page = Page(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.links) <= {f"#{id_}" for id_ in page.ids}
    assert page.tags.isdisjoint({"img", "iframe", "object", "embed", "base", "form", "link"})
    assert not any(name.startswith("on") or name in ("src", "style") for name in page.attributes)
    for tag, file in (("script", "page.js"), ("style", "page.css")):
        code = ASSETS.joinpath(file).read_text("utf-8")
        assert page.code[tag] == code
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in page.csp
    assert page.csp.startswith("default-src 'none';")
    return page


@pytest.fixture
def html() -> str:
    return report.render(samples.done(), samples.thread())


def test_page_is_whole_closed_and_its_own(html: str):
    page = check(html)
    assert {"c1", "c5", "t1", "t10", "source"} <= set(page.ids)
    assert "http:" not in html
    assert "https:" not in html


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(samples.results())
def test_any_result_gives_an_inert_page(result):
    html = report.render(*result)
    check(html)
    html.encode("utf-8")
    assert "s-unknown" not in html


def test_hostile_text_is_text(html: str):
    assert "<script>alert" not in html
    assert "<!--" not in html
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in html
    assert html.count("</script>") == 1
    assert "$style" in html  # from the thread: no placeholder of the template is left or filled


def test_glance_and_account_are_there(html: str):
    assert "90% of the input read · 3 of 5 sentences supported · 1 to check · 1 gap" in html
    assert "20 tokens in 2 turns (00:14:40–00:14:45) not read: the model failed." in html
    assert "Gap: Part 3" in html
    assert "1 cue was empty." in html
    assert "Given up: 2 beams instead of 4." in html
    total = "".join(f"<td>{n}</td>" for n in (5, 800, 712, 5, 790, 210))
    assert f'<tr class="sum"><th scope="row">Total</th>{total}</tr>' in html
    unspent = "<td>1</td><td>250</td><td>200</td><td>–</td><td>–</td><td>–</td>"
    assert f'<tr><th scope="row">Fuse 2</th>{unspent}</tr>' in html


def test_question_people_and_files():
    thread = samples.thread()
    many = tuple(replace(s, speaker=f"P{n}") for n, s in enumerate(thread.segments * 2))
    many = tuple(replace(s, id=f"s{n:06d}") for n, s in enumerate(many))
    done = replace(samples.done(), query="Who takes the cards?")
    html = report.render(done, replace(thread, segments=many))
    assert '<p class="question" dir="auto">Who takes the cards?</p>' in html
    assert "and 8 more</li>" in html
    assert "council.vtt <code>abababababababab</code>" in html


def test_no_people_no_list():
    thread = samples.thread()
    nobody = tuple(replace(s, speaker=None) for s in thread.segments)
    html = report.render(samples.done(), replace(thread, segments=nobody))
    assert 'class="people"' not in html


def test_the_same_input_gives_the_same_bytes(html: str):
    done = samples.done()
    steps = tuple(replace(step, seconds=9.9) for step in done.plan.steps)
    spend = replace(done.spend, seconds=99.0, cpu_seconds=1.0, peak_rss=1, calls=0, reused=5)
    later = replace(done, run="r-2", spend=spend, plan=replace(done.plan, steps=steps))
    assert report.render(later, samples.thread()) == html


def test_every_class_the_page_uses_is_styled_or_scripted():
    html = report.render(samples.done(), samples.thread())
    body = html[html.index("<body>") : html.index("<script>")]
    used = {name for group in re.findall(r'class="([\w -]+)', body) for name in group.split()}
    code = ASSETS.joinpath("page.css").read_text() + ASSETS.joinpath("page.js").read_text()
    known = set(re.findall(r"\.([a-z][\w-]*)", code))
    # The rule at full strength is the default.
    assert used - known <= {"s4"}
