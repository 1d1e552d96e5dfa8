"""Checks as real processes: what they see, how they end, and what they leave behind.

Every test that starts something which may outlive it writes down its pid and ends exactly that.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cagents_fs.runner import offspring
from cagents_fs.runner.checks import (
    CheckResult,
    CheckRun,
    check_environment,
    end_leftover_checks,
    run_check,
)

Check = Callable[..., CheckResult]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    (tmp_path / "verification").mkdir()

    def run(command: str, timeout_s: float = 20, cancelled: threading.Event | None = None, **env: str) -> CheckResult:
        log = str(tmp_path / "verification/check.log")
        environment = check_environment(os.environ, env)
        return run_check(CheckRun(command, str(tmp_path), environment, timeout_s, log), cancelled)

    return run


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Reads the pid that a check wrote; whatever still lives at the end is killed, by that pid."""
    pids: list[int] = []

    def pid_in(name: str) -> int:
        eventually(lambda: (tmp_path / name).exists() and (tmp_path / name).read_text().strip() != "")
        pids.append(int((tmp_path / name).read_text()))
        return pids[-1]

    yield pid_in
    for pid in filter(lives, pids):
        os.kill(pid, signal.SIGKILL)


def eventually(holds: Callable[[], bool], within_s: float = 10) -> None:
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def lives(pid: int) -> bool:
    seen = offspring.look(pid)
    return seen is not None and not seen.ended


def log_of(tmp_path: Path) -> bytes:
    return (tmp_path / "verification/check.log").read_bytes()


# --- what it says


def test_the_exit_code_is_the_commands_own(check: Check) -> None:
    assert check("true").passed
    assert check("exit 3").exit_code == 3
    assert check("false | true").passed
    assert check("kill -9 $$").exit_code == -9
    assert check("none-such-command").exit_code == 127
    assert check("--version").exit_code == 127, "an option of sh would pass"
    assert not check("exit 3").passed


def test_output_and_errors_are_kept_in_the_log_and_its_end_is_told(check: Check, tmp_path: Path) -> None:
    result = check("echo one; echo two >&2; printf 'bad \\377 gr\\303\\274n'")

    assert result.tail == "one\ntwo\nbad \\xff grün"
    assert log_of(tmp_path) == b"one\ntwo\nbad \xff gr\xc3\xbcn"


def test_the_tail_has_2000_characters_and_no_half_ones(check: Check) -> None:
    tail = check("i=0; while [ $i -lt 300 ]; do printf 'grüne €uro 𝄞'; i=$((i+1)); done").tail

    assert len(tail) == 2000
    assert "\\x" not in tail


def test_a_long_output_keeps_its_beginning_and_its_end(check: Check, tmp_path: Path) -> None:
    result = check("echo begin; head -c 3000000 /dev/zero; echo; echo end")
    log = log_of(tmp_path)

    assert result.passed
    assert result.tail.endswith("end\n")
    assert log.startswith(b"begin\n\0")
    assert log.endswith(b"\0\nend\n")
    assert 1_000_000 < len(log) <= 1 << 20
    left_out = int(log.split(b"[cagents-fs: ")[1].split()[0])
    note = len(f"\n[cagents-fs: {left_out} bytes are left out here]\n")
    assert len(log) - note + left_out == len(b"begin\n\nend\n") + 3_000_000


@pytest.mark.parametrize("size", [512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 1_000_000])
def test_what_fits_is_kept_byte_for_byte(check: Check, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "content").write_bytes(content)

    assert check("cat content").passed
    assert log_of(tmp_path) == content


def test_a_flood_fills_no_disk_and_stops_at_the_limit(check: Check, tmp_path: Path) -> None:
    begun_s, cpu_s = time.monotonic(), time.process_time()
    result = check("yes", timeout_s=1)

    assert result.timed_out
    assert time.monotonic() - begun_s < 4
    assert time.process_time() - cpu_s < 0.8, "a flood must not cost us a core"
    assert len(log_of(tmp_path)) <= 1 << 20
    assert result.tail.endswith("y\n")


# --- what it sees


def test_it_runs_in_the_workspace_with_the_given_environment_and_nothing_on_standard_input(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    result = check("pwd; env; cat; echo eof", CAGENTS_TASK="T1")

    assert result.tail.startswith(f"{tmp_path}\n")
    assert result.tail.endswith("eof\n")
    assert "CAGENTS_TASK=T1\n" in result.tail
    assert "SECRET" not in result.tail


def test_it_inherits_no_descriptor_dumps_no_core_and_has_a_session_of_its_own(check: Check, tmp_path: Path) -> None:
    with open(tmp_path / "lock", "w") as lock:
        os.set_inheritable(lock.fileno(), True)
        result = check("ls -m /proc/$$/fd; ulimit -c; ulimit -Hc; cut -d' ' -f1,5,6 /proc/$$/stat")
    descriptors, soft_limit, hard_limit, ids = result.tail.splitlines()

    assert descriptors == "0, 1, 2"
    assert (soft_limit, hard_limit) == ("0", "0"), "no core"
    assert len(set(ids.split())) == 1, "it leads its group and its session"
    assert int(ids.split()[0]) != os.getpid()


def test_the_environment_lets_tools_through_and_keeps_secrets_back() -> None:
    tools = {"PATH": "/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "TZ": "UTC", "VIRTUAL_ENV": "/venv"}
    secrets = {"ANTHROPIC_API_KEY": "k", "GITHUB_TOKEN": "t", "SSH_AUTH_SOCK": "/s", "https_proxy": "http://me:pw@x"}
    strays = {"CAGENTS_TASK": "outer", "LD_PRELOAD": "x.so", "lc_all": "no"}

    seen = check_environment(tools | secrets | strays, {"CAGENTS_TASK": "T1", "TZ": "CET"})
    assert seen == tools | {"CAGENTS_TASK": "T1", "TZ": "CET"}


# --- how it ends


def test_a_check_over_its_limit_is_ended_with_all_its_children(check: Check, left_behind: Callable[[str], int]) -> None:
    begun_s = time.monotonic()
    result = check("sleep 1000 & echo $! >child; echo waiting; sleep 1000", timeout_s=0.3)

    assert result.timed_out
    assert (result.exit_code, result.cancelled, result.tail) == (None, False, "waiting\n")
    assert 0.3 <= result.duration_s < 0.6
    assert time.monotonic() - begun_s < 2, "who obeys SIGTERM is not waited for"
    assert not lives(left_behind("child"))


def test_a_check_may_clean_up_when_it_is_told_to_end(check: Check) -> None:
    result = check("trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.05; done", timeout_s=0.3)

    assert result.timed_out, "an exit code of 0 after the limit proves nothing"
    assert result.exit_code is None
    assert result.tail.endswith("cleaned\n")


def test_a_check_that_ignores_sigterm_is_killed_after_three_seconds(
    check: Check, left_behind: Callable[[str], int]
) -> None:
    begun_s = time.monotonic()
    result = check("trap '' TERM; echo $$ >leader; while :; do sleep 0.1; done", timeout_s=0.2)

    assert result.timed_out
    assert 3 < time.monotonic() - begun_s < 5
    assert not lives(left_behind("leader"))


def test_a_check_that_is_cancelled_ends_at_once(check: Check, tmp_path: Path) -> None:
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    begun_s = time.monotonic()
    result = check("sleep 1000", cancelled=cancelled)

    assert (result.cancelled, result.timed_out, result.exit_code) == (True, False, None)
    assert time.monotonic() - begun_s < 1.5
    assert check("touch ran", cancelled=cancelled) == CheckResult(cancelled=True)
    assert not (tmp_path / "ran").exists()


def test_a_background_child_that_holds_the_pipe_neither_holds_us_up_nor_survives(
    check: Check, left_behind: Callable[[str], int]
) -> None:
    begun_s = time.monotonic()
    assert check("sleep 1000 & echo $! >child; exit 0").passed
    assert time.monotonic() - begun_s < 2
    assert not lives(left_behind("child"))


def test_a_job_in_a_group_of_its_own_is_known_by_its_session(
    check: Check, tmp_path: Path, left_behind: Callable[[str], int]
) -> None:
    (tmp_path / "job.py").write_text(
        "import os, time; os.setpgid(0, 0); open('job', 'w').write(str(os.getpid())); time.sleep(1000)"
    )
    assert check(f"env -i {sys.executable} job.py & while [ ! -s job ]; do sleep 0.02; done").passed
    assert not lives(left_behind("job"))


DAEMON = (
    "import os, signal, sys, time\n"
    "if os.fork(): os._exit(0)\n"
    "os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if os.fork(): os._exit(0)\n"
    "open('daemon.tmp', 'w').write(str(os.getpid())); os.rename('daemon.tmp', 'daemon')\n"
    "time.sleep(1000)\n"
)
UNTIL_IT_RUNS = "while [ ! -e daemon ]; do sleep 0.02; done"


def test_a_daemon_that_left_the_session_is_known_by_its_environment(
    check: Check, tmp_path: Path, left_behind: Callable[[str], int]
) -> None:
    (tmp_path / "daemon.py").write_text(DAEMON)
    begun_s = time.monotonic()

    assert check(f"{sys.executable} daemon.py; {UNTIL_IT_RUNS}").passed
    assert time.monotonic() - begun_s < 4
    assert not lives(left_behind("daemon"))


def test_a_daemon_that_also_cleared_its_environment_escapes_but_does_not_hold_us_up(
    check: Check, tmp_path: Path, left_behind: Callable[[str], int]
) -> None:
    (tmp_path / "daemon.py").write_text(DAEMON)
    begun_s = time.monotonic()

    assert check(f"env -i {sys.executable} daemon.py; {UNTIL_IT_RUNS}").passed
    assert time.monotonic() - begun_s < 4
    assert lives(left_behind("daemon")), "if it can be caught by now, say so in offspring.py"


def test_a_check_that_moves_from_session_to_session_is_caught_up_with(check: Check, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    # At most 50 generations of a tenth of a second: were it not caught, it would end by itself.
    (tmp_path / "spread.sh").write_text("trap '' TERM; sleep 0.1; [ $1 -lt 50 ] && setsid sh spread.sh $(($1 + 1)) &")
    begun_s = time.monotonic()
    result = check("sh spread.sh 0; sleep 0.35", CAGENTS_CHECK=f"{mark}/T1")

    assert result.passed
    assert time.monotonic() - begun_s < 4
    time.sleep(0.2)
    assert offspring.groups_of_checks(mark) == set()


def test_twenty_checks_side_by_side_do_not_wait_for_each_other(tmp_path: Path) -> None:
    def one(number: int) -> CheckResult:
        log = str(tmp_path / f"{number}.log")
        command = f"sleep 0.5; echo {number}; sleep 1000 & exit {number % 2}"
        return run_check(CheckRun(command, str(tmp_path), check_environment(os.environ, {}), 20, log))

    descriptors = len(os.listdir("/proc/self/fd"))
    begun_s = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(one, range(20)))

    assert time.monotonic() - begun_s < 5
    assert [result.tail for result in results] == [f"{number}\n" for number in range(20)]
    assert [result.exit_code for result in results] == [number % 2 for number in range(20)]
    assert len(os.listdir("/proc/self/fd")) == descriptors


# --- what cannot be run


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"workspace": "/none/such"}, "workspace '/none/such' is not there"),
        ({"workspace": "/etc/passwd"}, "is no folder"),
        ({"workspace": "a\0b"}, "is not there"),
        ({"env": {"PATH": "/none"}}, "could not be started"),
        ({"env": {"A=B": "x"}}, "could not be started"),
        ({"command": "  \n"}, "empty"),
        ({"command": "echo a\0b"}, "could not be started"),
        ({"command": "echo \ud800"}, "could not be started"),
        ({"command": "x" * 300_000}, "could not be started"),
    ],
)
def test_a_check_that_cannot_be_started_says_why_and_raises_nothing(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    log = str(tmp_path / "check.log")
    fields = {"command": "true", "workspace": str(tmp_path), "env": {}, "timeout_s": 5.0, "log_path": log} | changed
    result = run_check(CheckRun(**fields))

    assert (result.exit_code, result.timed_out, result.cancelled, result.passed) == (None, False, False, False)
    assert said in result.tail


def test_a_lost_exit_code_is_no_success() -> None:
    """Where SIGCHLD is ignored, `subprocess` calls every exit code 0."""
    program = (
        "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "from cagents_fs.runner.checks import *\n"
        "result = run_check(CheckRun('exit 3', '/', {}, 5.0, None))\n"
        "print(result.passed, result.tail)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith("False ")
    assert "SIGCHLD" in said


# --- its log


def test_the_log_is_a_new_file_and_never_written_through_a_link(check: Check, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "verification/check.log").symlink_to(victim)
    assert check("echo one").passed
    assert (victim.read_text(), log_of(tmp_path)) == ("mine", b"one\n")

    (tmp_path / "verification/check.log").unlink()
    os.link(victim, tmp_path / "verification/check.log")
    assert check("echo two").passed
    assert (victim.read_text(), log_of(tmp_path)) == ("mine", b"two\n")


def test_a_log_that_cannot_be_kept_costs_the_log_and_not_the_verdict(check: Check, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "verification").rmdir()
    (tmp_path / "verification").symlink_to(tmp_path / "elsewhere")
    result = check("echo fine")

    assert result.passed
    assert result.tail.startswith("fine\n")
    assert "the log of the check could not be kept" in result.tail
    assert list((tmp_path / "elsewhere").iterdir()) == []

    (tmp_path / "verification").unlink()
    (tmp_path / "verification/check.log").mkdir(parents=True)
    assert "could not be kept" in check("true").tail


def test_the_folder_of_the_log_is_made_but_nothing_above_it(tmp_path: Path) -> None:
    def run(log: Path) -> CheckResult:
        return run_check(CheckRun("echo fine", str(tmp_path), {}, 5, str(log)))

    assert run(tmp_path / "verification/check.log").tail == "fine\n"
    assert log_of(tmp_path) == b"fine\n"
    assert run(tmp_path / "gone/verification/check.log").passed
    assert not (tmp_path / "gone").exists()


def test_the_log_can_be_followed_while_the_check_runs(check: Check, tmp_path: Path) -> None:
    cancelled = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(check, "echo begun; sleep 1000", 20, cancelled)
        eventually(lambda: (tmp_path / "verification/check.log").exists() and log_of(tmp_path) == b"begun\n")
        cancelled.set()
        assert running.result().cancelled


# --- what a killed daemon left behind


def test_what_a_killed_daemon_left_behind_is_found_and_ended(tmp_path: Path, left_behind: Callable[[str], int]) -> None:
    tree = uuid.uuid4().hex
    program = (
        "import os\n"
        "from cagents_fs.runner.checks import *\n"
        f"env = check_environment(os.environ, {{'CAGENTS_CHECK': '{tree}/T1'}})\n"
        "run_check(CheckRun('sleep 1000 & echo $! >child; echo $$ >leader; wait', '.', env, 1000.0, None))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path) as daemon:
        child, leader = left_behind("child"), left_behind("leader")
        daemon.kill()
    assert lives(child)

    assert end_leftover_checks(f"{tree}x") == 0
    assert lives(leader)
    assert end_leftover_checks(tree) == 1
    eventually(lambda: not lives(child) and not lives(leader))
    assert end_leftover_checks(tree) == 0


def test_the_prefix_counts_in_whole_parts() -> None:
    tree = uuid.uuid4().hex
    with (
        subprocess.Popen(["sleep", "1000"], env={"CAGENTS_CHECK": f"{tree}1/T1"}, start_new_session=True) as mine,
        subprocess.Popen(["sleep", "1000"], env={"CAGENTS_CHECK": f"{tree}10/T1"}, start_new_session=True) as other,
        subprocess.Popen(["sleep", "1000"], env={"X_CAGENTS_CHECK": f"{tree}1/T1"}, start_new_session=True) as third,
    ):
        try:
            assert end_leftover_checks(f"{tree}1/T2") == 0
            assert end_leftover_checks(f"{tree}1/") == 1
            assert mine.wait(5) == -signal.SIGKILL
            assert lives(other.pid)
            assert lives(third.pid)
        finally:
            for process in (mine, other, third):
                process.kill()


def test_a_daemon_started_by_a_check_does_not_end_itself_or_those_above_it() -> None:
    tree = uuid.uuid4().hex
    program = f"from cagents_fs.runner.checks import *; print(end_leftover_checks('{tree}'))"
    inner = [sys.executable, "-c", program]
    outer = [sys.executable, "-c", f"import subprocess; subprocess.run({inner!r}, start_new_session=True, check=True)"]
    environment = {**os.environ, "CAGENTS_CHECK": f"{tree}/T1"}

    said = subprocess.run(outer, env=environment, start_new_session=True, capture_output=True, text=True, check=True)
    assert said.stdout == "0\n"


@pytest.mark.parametrize("prefix", ["", "/", "//"])
def test_an_empty_prefix_would_mean_every_tree_and_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        end_leftover_checks(prefix)
