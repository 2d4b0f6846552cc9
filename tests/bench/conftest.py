from __future__ import annotations

from pathlib import Path

import pytest

import qmsum_fixture
from gistill.bench import qmsum
from gistill.bench.qmsum import Query
from gistill.errors import BadInput


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the small data set as its val split."""
    return qmsum_fixture.write(tmp_path / "qmsum")


@pytest.fixture
def queries(data: Path) -> list[Query]:
    """The questions of the small data set."""
    return list(qmsum.queries(qmsum.load(data, "val")))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """QMSum itself, where it is at hand; it is no part of this project."""
    try:
        return qmsum.folder()
    except BadInput as error:
        pytest.skip(str(error))
