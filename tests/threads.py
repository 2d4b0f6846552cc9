"""Small threads for tests, made on the spot."""

from __future__ import annotations

from hypothesis import strategies as st

from gistill.types import Locator, Segment, Source, Thread


def thread(*lines: str) -> Thread:
    """A thread with one segment a line; `Name: text` has a speaker."""
    source = "\n".join(lines)
    segments, start = [], 0
    for line in lines:
        name, colon, text = line.partition(": ")
        speaker, text = (name, text) if colon else (None, line)
        end = start + len(line)
        at = Locator("t.txt", (end - len(text), end))
        if text:
            kind = "utterance" if speaker else "paragraph"
            segments.append(Segment(f"s{len(segments):06d}", text, at, speaker, kind))
        start = end + 1
    return Thread(tuple(segments), (Source("t.txt", "0" * 64, source),), title="t.txt")


NAMES = ("Ada", "Grace", "Edsger")
TOPICS = ("budget", "launch", "database", "logo", "hiring", "printer", "contract", "roadmap")
VERBS = ("moves to", "costs", "waits for", "breaks", "replaces", "needs")


def meeting(turns: int) -> Thread:
    """A long dull meeting whose every turn is one distinct sentence."""
    return thread(
        *(
            f"{NAMES[i % 3]}: The {TOPICS[i % 8]} {VERBS[i % 6]} item {i} "
            f"before week {i % 50} says note {i * 7}."
            for i in range(turns)
        )
    )


words = st.lists(
    st.sampled_from(["plan", "ship", "cost", "Berlin", "42", "delay", "is", "not", "the", "ok"]),
    min_size=1,
    max_size=12,
)
sentence = words.map(lambda w: " ".join(w).capitalize() + ".")
line = st.builds(lambda n, s: f"{n}: {' '.join(s)}", st.sampled_from(NAMES),
                 st.lists(sentence, min_size=1, max_size=4))  # fmt: skip
threads = st.lists(line, min_size=1, max_size=40).map(lambda lines: thread(*lines))
