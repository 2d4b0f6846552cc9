"""Who speaks when in a recording, by sherpa-onnx: where the voice changes, and which are the same.

It segments by a pyannote model (Plaquet and Bredin 2023, "Powerset multi-class cross entropy loss
for neural speaker diarization"), and clusters speaker embeddings of the segments. Voices are
called S1, S2, … in the order in which they are first heard; `--alias S1=NAME` says whose they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gistill.errors import BadInput
from gistill.home import expanded
from gistill.ingest import recording, sound
from gistill.ingest.blob import Blob
from gistill.ingest.needs import Needs
from gistill.store import key

if TYPE_CHECKING:
    from gistill.ingest.tools import Tools

NEEDS = Needs("voices", ("sherpa_onnx",))

_VERSION = 1  # of what is kept of a recording
# The files of a model folder, and a name that the metadata of such a model holds: sherpa-onnx ends
# the whole process over a model of another kind.
_FILES = {"segmentation.onnx": b"powerset_max_classes", "embedding.onnx": b"output_dim"}
_SHORTEST, _PAUSE = 0.3, 0.5  # seconds: shorter turns are none, shorter pauses part no turn
_DISTANCE = 0.5  # cosine distance from which two voices are two people


class Turn(NamedTuple):
    """Seconds of the recording in which one voice, numbered from 1, speaks."""

    start: float
    end: float
    voice: int


def check(folder: str) -> None:
    """Looks at the model folder that `--voices` names.

    Raises: BadInput if it does not hold what is needed; MissingExtra.
    """
    NEEDS.check("telling voices apart")
    path = expanded(folder)
    for name, known in _FILES.items():
        file = path / name
        if not file.is_file():
            raise BadInput(
                f"{folder} holds no {name}; --voices takes a folder with a pyannote segmentation "
                "model (segmentation.onnx) and a speaker embedding model (embedding.onnx) of "
                "those that sherpa-onnx publishes"
            )
        if known not in file.read_bytes():
            raise BadInput(f"{file} is not such a model as sherpa-onnx publishes for {file.stem}")


def turns(blob: Blob, tools: Tools) -> tuple[Turn, ...]:
    """Who speaks when in the first sound track of `blob`, by the models in `tools.voices`; nobody
    without them.

    Kept in `tools.memory`. Holds the whole recording in memory: 230 MB an hour. Raises: BadInput
    for models that cannot be loaded; MissingExtra.
    """
    from gistill.engines.fingerprint import fingerprint

    if tools.voices is None:
        return ()
    folder = expanded(tools.voices)
    model = f"{fingerprint(folder)} sherpa-onnx {metadata.version('sherpa-onnx')}"
    place = key("voices", _VERSION, blob.sha256(), model)
    kept = tools.memory.get(place) if tools.memory is not None else None
    if isinstance(kept, list):
        return tuple(Turn(*turn) for turn in kept)
    found = tuple(_turns(blob, folder, tools))
    if tools.memory is not None:
        tools.memory.put(place, "voices", [list(turn) for turn in found])
    return found


def _turns(blob: Blob, folder: Path, tools: Tools) -> Iterator[Turn]:
    import numpy as np

    diarizer = _diarizer(folder)
    with recording.opened(blob) as file:
        samples = np.concatenate([np.zeros(1, np.float32), *sound.pieces(file, sound.Flaws())])

    def told(done: int, total: int) -> int:
        tools.say(f"telling voices apart in {blob.name}", done / total if total else 1.0)
        return 0

    found = diarizer.process(samples, callback=told).sort_by_start_time()
    numbers: dict[int, int] = {}
    for one in found:
        voice = numbers.setdefault(one.speaker, len(numbers) + 1)
        yield Turn(round(one.start, 2), round(one.end, 2), voice)


@lru_cache(maxsize=1)
def _diarizer(folder: Path) -> Any:
    import sherpa_onnx as sherpa

    from gistill.engines import machine

    segmentation, embedding = (str(folder / name) for name in _FILES)
    threads = machine.cores()
    config = sherpa.OfflineSpeakerDiarizationConfig(
        segmentation=sherpa.OfflineSpeakerSegmentationModelConfig(
            pyannote=sherpa.OfflineSpeakerSegmentationPyannoteModelConfig(model=segmentation),
            num_threads=threads,
        ),
        embedding=sherpa.SpeakerEmbeddingExtractorConfig(model=embedding, num_threads=threads),
        clustering=sherpa.FastClusteringConfig(num_clusters=-1, threshold=_DISTANCE),
        min_duration_on=_SHORTEST,
        min_duration_off=_PAUSE,
    )
    try:
        return sherpa.OfflineSpeakerDiarization(config)
    except RuntimeError as error:
        cause = " ".join(str(error).split())[:160]
        raise BadInput(f"the models in {folder} cannot be loaded: {cause}") from error


def voice(start: float, end: float, turns: Sequence[Turn]) -> str:
    """Who is heard for most of the time from `start` to `end`: "S1", …; "" where nobody is."""
    heard: dict[int, float] = {}
    for turn in turns:
        shared = min(end, turn.end) - max(start, turn.start)
        if shared > 0:
            heard[turn.voice] = heard.get(turn.voice, 0.0) + shared
    return f"S{max(heard, key=lambda number: (heard[number], -number))}" if heard else ""
