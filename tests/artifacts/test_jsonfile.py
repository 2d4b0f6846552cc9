import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

import samples
from gistill.artifacts import jsonfile
from gistill.errors import BadInput

SCHEMA = json.loads((resources.files("gistill.artifacts") / "summary.schema.json").read_text())


def without_run(text: str) -> str:
    return text[: text.index('\n  "run": ')]


def test_schema_is_valid_itself():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(samples.results())
def test_any_result_comes_back_exactly_and_fits_the_schema(result):
    done, thread = result
    data = json.loads(jsonfile.render(done, thread).encode("utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    assert data == json.loads(json.dumps(jsonfile.dump(done, thread))) | {"run": data["run"]}
    assert jsonfile.load(data) == (done, thread)


def test_sample_comes_back_from_a_file_without_the_source_text(tmp_path: Path):
    done, thread = samples.done(), samples.thread()
    path = tmp_path / "summary.json"
    path.write_text(jsonfile.render(done, thread), "utf-8")
    back, back_thread = jsonfile.read(path)
    assert back == done
    assert back_thread.segments == thread.segments
    assert [s.name for s in back_thread.sources] == ["council.vtt"]
    assert back_thread.sources[0].text == ""


def test_what_differs_between_runs_is_under_run_alone():
    done, thread = samples.done(), samples.thread()
    steps = tuple(replace(step, seconds=9.9) for step in done.plan.steps)
    spend = replace(done.spend, calls=0, reused=5, seconds=0.1, cpu_seconds=0.2, peak_rss=7)
    spend = replace(spend, peak_vram=1, joules=1.5)
    spent = tuple(replace(step, seconds=9.9) for step in done.spent)
    plan = replace(done.plan, steps=steps)
    later = replace(done, run="r-2", spend=spend, spent=spent, plan=plan)
    first, second = jsonfile.render(done, thread), jsonfile.render(later, thread)
    assert first != second
    assert without_run(first) == without_run(second)


def test_a_result_kept_before_stages_were_accounted_for_still_loads():
    data = json.loads(jsonfile.render(samples.done(), samples.thread()))
    del data["spent"]
    for name in ("spent_seconds", "peak_vram", "joules"):
        del data["run"][name]
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    assert jsonfile.load(data)[0] == replace(samples.done(), spent=())


def test_long_lists_have_a_record_a_line_and_text_stays_readable():
    lines = jsonfile.render(samples.done(), samples.thread()).split("\n")
    rows = [line for line in lines if line.startswith('    {"id": "s0000')]
    assert len(rows) == len(samples.TURNS)
    assert any("我们应该先测试" in row for row in rows)
    assert lines[-1] == ""


def test_pieces_of_a_cut_segment_are_written_out():
    done, thread = samples.done(), samples.thread()
    piece = replace(thread.segments[0], text="Good morning.")
    chunk = replace(done.chunks[0], segments=(piece, thread.segments[1]))
    data = jsonfile.dump(replace(done, chunks=(chunk, *done.chunks[1:])), thread)
    assert data["chunks"][0]["segments"][0]["text"] == "Good morning."
    assert data["chunks"][0]["segments"][1] == "s000001"
    assert jsonfile.load(data)[0].chunks[0] == chunk


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a summary.json"),
        (b'{"format": "other"}', "not a summary.json"),
        (b'{"format": "gistill-summary", "version": 99}', "version 99"),
        (b'{"format": "gistill-summary", "version": 1}', "damaged"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes, said: str):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said) as caught:
        jsonfile.read(path)
    assert "\n" not in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="cannot read"):
        jsonfile.read(tmp_path / "none.json")


def test_damage_inside_is_refused():
    data = jsonfile.dump(samples.done(), samples.thread())
    data["plan"]["surprise"] = 1
    with pytest.raises(BadInput, match="damaged"):
        jsonfile.load(data)
