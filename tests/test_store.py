"""The store: durable, shared, set aside when broken, bounded when asked."""

import contextlib
import sqlite3
import subprocess
import sys
import time

import pytest

from gistill.errors import BadInput, GistillError
from gistill.store import Observation, Store, key


def test_a_value_comes_back_and_another_key_does_not(tmp_path):
    store = Store(tmp_path / "store.db")
    store.put("k", "local", {"text": "Grüße 🚢", "n": [1, 2]})
    assert store.get("k") == {"text": "Grüße 🚢", "n": [1, 2]}
    assert store.get("other") is None
    store.close()
    again = Store(tmp_path / "store.db")
    assert again.get("k") == {"text": "Grüße 🚢", "n": [1, 2]}
    again.close()


def test_keys_depend_on_every_part_and_not_on_the_order_of_a_mapping():
    assert key("a", "b", {"x": 1, "y": 2}) == key("a", "b", {"y": 2, "x": 1})
    assert len({key("a", "b"), key("a", "c"), key("b", "a"), key("ab"), key("a", "b", None)}) == 5


@pytest.mark.parametrize("content", [b"not a database at all, only text " * 50, b"\x00" * 4096])
def test_a_corrupt_store_is_set_aside_and_kept(tmp_path, content):
    path = tmp_path / "store.db"
    path.write_bytes(content)
    store = Store(path)
    assert "set aside" in store.notes[0]
    assert (tmp_path / "store.db.corrupt-1").read_bytes() == content
    store.put("k", "s", 1)
    store.close()
    path.write_bytes(content)
    Store(path).close()
    assert (tmp_path / "store.db.corrupt-2").exists()


def test_a_store_with_broken_pages_is_set_aside(tmp_path):
    path = tmp_path / "store.db"
    store = Store(path)
    for n in range(200):
        store.put(f"k{n}", "s", "x" * 500)
    store.close()
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 12] = b"\xff" * (4096 * 11)
    path.write_bytes(bytes(data))
    again = Store(path)
    assert "set aside" in again.notes[0]
    again.close()


def test_a_full_disk_is_said_once_and_the_run_goes_on(tmp_path):
    store = Store(tmp_path / "store.db")
    store._db.execute("pragma max_page_count = 20")
    for n in range(50):
        store.put(f"k{n}", "s", "x" * 5000)
    assert len(store.notes) == 1
    assert "full" in store.notes[0]
    assert store.get("k0") == "x" * 5000
    store.close()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="GISTILL_HOME"):
        Store(tmp_path / "file" / "store.db")


def test_two_processes_write_at_once(tmp_path):
    path = tmp_path / "store.db"
    code = (
        "import sys; from pathlib import Path; from gistill.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for n in range(300): store.put(f'{sys.argv[2]}-{n}', 's', n)\n"
        "assert not store.notes, store.notes\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, path, name]) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    store = Store(path)
    assert all(store.get(f"{name}-{n}") == n for name in "ab" for n in range(300))
    store.close()


def test_runs_are_listed_newest_first_and_found_by_a_prefix():
    store = Store()
    for number in range(3):
        store.begin(f"abc{number}", f"thread {number}", {"engine": "echo"})
        time.sleep(0.002)
    store.finish("abc1", "done", {"answer": 42})
    assert [run.id for run in store.runs()] == ["abc2", "abc1", "abc0"]
    assert store.runs(1)[0].status == "running"
    assert store.result("abc1") == {"answer": 42}
    with pytest.raises(BadInput, match="3 runs"):
        store.result("abc")
    with pytest.raises(BadInput, match="no run"):
        store.result("%")


def test_pruning_keeps_the_newest_runs_and_the_latest_used_results(tmp_path):
    store = Store(tmp_path / "store.db")
    for number in range(5):
        store.begin(f"r{number}", "t", {})
        store.finish(f"r{number}", "done", {})
        time.sleep(0.002)
    for n in range(2000):
        store.put(f"k{n}", "s", "x" * 500)
    store.touch(["k0"])
    runs, results = store.prune(keep_runs=2, max_bytes=600_000)
    assert runs == 3
    assert results > 0
    assert store.size() <= 600_000
    assert [run.id for run in store.runs()] == ["r4", "r3"]
    assert store.get("k0") is not None
    assert store.get("k1") is None
    store.close()


def seen(n):
    return Observation(100 * n, 10 * n, n, 2, 0.5 * n, cold=n % 2 == 0)


def test_observations_come_back_oldest_first_and_by_machine():
    store = Store()
    assert store.observations("e", "here") == []
    for n in (3, 1, 2):
        store.observe("e", "here", seen(n))
    store.observe("e", "there", seen(4))
    store.observe("f", "here", seen(5))
    assert store.observations("e", "here") == [seen(3), seen(1), seen(2)]
    assert store.observations("e", "there") == [seen(4)]


def test_of_many_observations_the_latest_stay():
    store = Store()
    for n in range(1, 81):
        store.observe("e", "here", seen(n))
        store.observe("e", "there", seen(1))
    assert store.observations("e", "here") == [seen(n) for n in range(31, 81)]
    assert len(store.observations("e", "there")) == 50


def test_a_store_from_before_observations_opens_and_keeps_its_results(tmp_path):
    path = tmp_path / "store.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("create table results (key text primary key, stage text, value text, used real)")
        db.execute("insert into results values ('k', 's', '42', 0)")
        db.execute("create table speeds (engine text primary key, prefill, decode, calls)")
        db.execute("insert into speeds values ('e', 1000, 40, 3)")
    store = Store(path)
    assert store.notes == []
    assert store.get("k") == 42
    assert store.observations("e", "here") == []
    store.observe("e", "here", seen(1))
    store.prune(keep_runs=1, max_bytes=10**9)
    assert store.observations("e", "here") == [seen(1)]
    store.close()


def test_reading_a_store_that_breaks_in_use_says_what_to_do(tmp_path):
    store = Store(tmp_path / "store.db")
    store._db.close()
    with pytest.raises(GistillError, match="broke while in use"):
        store.get("k")


def test_a_store_may_be_closed_under_work_that_was_left_behind(tmp_path):
    """In a process of its own: what goes wrong here is a crash."""
    code = """
import pathlib, sys, threading, time
from gistill.errors import GistillError
from gistill.store import Store

def work(store):
    try:
        while True:
            store.observations("engine", "machine")
    except GistillError:
        pass

for i in range(40):
    store = Store(pathlib.Path(sys.argv[1]) / f"{i}.db")
    left = threading.Thread(target=work, args=(store,), daemon=True)
    left.start()
    time.sleep(0.01)
    store.close()
    left.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_names_outlive_a_run_that_is_begun_anew_and_go_with_it(tmp_path):
    store = Store(tmp_path / "store.db")
    store.begin("abc", "t", {})
    assert store.names("abc") == {}
    store.rename("abc", {"S1": "Ada"})
    store.begin("abc", "t", {})
    store.finish("abc", "done", {})
    assert store.names("abc") == {"S1": "Ada"}
    assert store.find("ab") == "abc"
    with pytest.raises(BadInput, match="no run with an id that starts 'x'"):
        store.find("x")
    store.prune(keep_runs=0, max_bytes=1 << 30)
    assert store.names("abc") == {}
    store.close()
