"""The sabotages of store, locks and commit: what every promise about crashes and power rests on."""

from tests.sabotages import Sabotage

_SUITES = ("tests/disk", "tests/crash", "tests/power", "tests/endtoend/test_locks_hold.py")


def _store(name: str, file: str, right: str, wrong: str) -> Sabotage:
    return Sabotage(name, f"cagents_fs/{file}", right, wrong, _SUITES)


STORE = (
    _store("renames_replace", "store/disk.py", "_RENAME_NOREPLACE = 1\n", "_RENAME_NOREPLACE = 0\n"),
    _store(
        "contents_are_not_synced",
        "store/disk.py",
        "            os.fsync(descriptor)\n    except",
        "            pass\n    except",
    ),
    _store(
        "names_are_not_synced",
        "store/disk.py",
        "        os.fsync(descriptor)\n    finally",
        "        pass\n    finally",
    ),
    _store("a_short_write_is_enough", "store/disk.py", "    while view:\n", "    if view:\n"),
    _store("written_in_place", "store/disk.py", 'f".{name}.{os.getpid()}.tmp")', "name)"),
    _store("a_name_that_is_gone_comes_back", "store/disk.py", "_RENAME_EXCHANGE = 2\n", "_RENAME_EXCHANGE = 0\n"),
    _store(
        "a_gone_root_is_made_again",
        "store/disk.py",
        "    if not os.path.isdir(root):\n        raise",
        "    if False:\n        raise",
    ),
    _store(
        "intents_are_not_synced",
        "store/commit.py",
        "durable = self.power_loss and any(not isinstance(action, Recognise)",
        "durable = False and any(not isinstance(action, Recognise)",
    ),
    _store(
        "folders_are_not_synced", "store/commit.py", "                sync_folder(folder)\n", "                pass\n"
    ),
    _store(
        "requests_go_before_their_moves_are_durable",
        "store/commit.py",
        "            if settled:\n",
        "            if False:\n",
    ),
    _store(
        "what_was_lost_is_told_as_done",
        "store/commit.py",
        "                except LostRace:\n",
        "                except ZeroDivisionError:\n",
    ),
    _store(
        "outcomes_of_a_failed_turn_are_not_told",
        "store/commit.py",
        "            if batch.after:\n",
        "            if False:\n",
    ),
    _store(
        "a_lock_that_was_taken_away_is_ours",
        "store/commit.py",
        "if (why := self._lost()) is not None:",
        "if False and (why := self._lost()):",
    ),
    _store("a_torn_tail_stays", "store/journal.py", "        if lines.torn:\n", "        if False:\n"),
    _store("half_an_append_stays", "store/journal.py", "            self._cut()\n", "            pass\n"),
    _store(
        "numbers_begin_anew", "store/journal.py", 'max((record["seq"] for record in lines.records), default=0)', "0"
    ),
    _store(
        "the_journal_is_not_synced",
        "store/journal.py",
        "            os.fdatasync(self._descriptor)\n",
        "            pass\n",
    ),
    _store("two_daemons", "store/locks.py", "return lock_descriptor(descriptor, blocking=False)", "return True"),
    _store(
        "a_lock_without_a_name",
        "store/locks.py",
        "taken = _lock(descriptor) and _is_at(descriptor, self.path)",
        "taken = _lock(descriptor)",
    ),
    _store(
        "a_move_is_told_that_never_was",
        "rules/recovery.py",
        "record is not None and number < done",
        "record is not None",
    ),
    _store(
        "told_twice_after_a_crash",
        "rules/recovery.py",
        "for seq, line in sorted(work.history.intents.items()):",
        "for seq, line in 2 * sorted(work.history.intents.items()):",
    ),
    _store(
        "edited_before_it_is_there",
        "store/changes.py",
        "                if action.edit_before:\n",
        "                if False:\n",
    ),
    _store(
        "late_work_is_swept_away",
        "store/changes.py",
        "if late_work_but is not None and found is not None",
        "if False and found is not None",
    ),
)
