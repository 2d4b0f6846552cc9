from __future__ import annotations

from gistill.bench import alpaca
from gistill.bench.qmsum import Query


def test_a_row_a_question(queries: list[Query]) -> None:
    rows = list(alpaca.rows(queries))
    assert len(rows) == len(queries)
    assert rows[2].instruction == "what about the case ?"
    assert rows[2].output == "the case will be made of rubber ."
    assert rows[3].output == "its colour is still open ."
    assert rows[2].input == rows[3].input


def test_the_transcript_holds_every_turn(queries: list[Query]) -> None:
    text = alpaca.transcript(queries[0].meeting)
    assert text.startswith("project manager: okay , welcome to the lcd remote project .")
    assert "marketing:  marketing: people like rubber because it does n't break ." in text
    assert text.endswith("then we take the chip for two euros .")


def test_words_and_marks_come_apart() -> None:
    assert alpaca.tokenized("He's here (can't stay).") == "he 's here ( ca n't stay ) ."


def test_tags_go_with_the_space_after_them() -> None:
    assert alpaca.clean("a { gap } b { vocalsound } . { other } a_m_i_ t_v_") == (
        "a b . { other } ami tv"
    )


def test_the_prompt_ends_where_the_answer_begins(queries: list[Query]) -> None:
    prompt = next(alpaca.rows(queries)).prompt
    assert prompt.startswith("Below is an instruction that describes a task, paired with")
    assert "### Instruction:\nsummarize the meeting .\n\n### Input:\nproject manager: " in prompt
    assert prompt.endswith("\n\n### Response:")
