"""What the engine does otherwise, on purpose: tests of tests/, and why each does not hold for it.

A key is the beginning of a test's id. All other tests that need a store alone hold for the store and for the engine.
"""

CLASSES = "compares with the class of relay.store, which has its like in relay.store.queries"
PLAIN = "a plain list in Redis, without decisions"
COPIES = "copies of messages are a plain list, written beside the receipt"
ROWS = "the console's facts have the rows of the store's own reader"
PARTITIONS = "one partition is decided over by one process: nothing travels between several"
SEALED = "the codec seals values; no decision knows of it"
SERVER = "asks Redis itself"
ONE_STEP = "what is known is looked at in the step that accepts: no look is older than its event, and none is repeated"
CLASSES = "an entry is a class of its own: there is no verb to mistake"
HANDED_OVER = "what is handed out is handed over in memory: no answer gets lost"
SILENCES = "silences are part of the state that decides: no process has some of its own"
WHOLE = "a step is committed as a whole or not at all: no event is half made"

DIFFERENT: dict[str, str] = {
    "tests/store/test_any_life.py": "tests/engine/test_lives.py lives them over the engine",
    "tests/store/test_audit.py": PLAIN,
    "tests/store/test_copies.py": PLAIN,
    "tests/store/test_last_bodies.py": PLAIN,
    "tests/console/test_message.py::test_a_mail_is_shown_in_a_frame_in_which_it_can_do_nothing": COPIES,
    "tests/console/test_hostile_words.py::test_what_others_word_stays_words_on_every_page": COPIES,
    "tests/console/test_destinations.py::test_others_that_want_no_more_are_listed": ROWS,
    "tests/store/test_signing_keys.py": PLAIN,
    "tests/store/test_history.py::test_what_is_older_than_the_retention_is_forgotten": PLAIN,
    "tests/store/test_history.py::test_of_too_many_the_busiest_give_first": PLAIN,
    "tests/store/test_history.py::test_a_redis_that_fills_up_keeps_less_of_the_record": PLAIN,
    "tests/store/test_history.py::test_a_cursor_that_no_page_gave_is_refused[1-1-1": PARTITIONS,
    "tests/store/test_reconciliation.py::test_runs_that_go_on_and_were_silent_are_given": CLASSES,
    "tests/store/test_letters.py": PARTITIONS,
    "tests/store/test_partitions.py": PARTITIONS,
    "tests/store/test_partitions_away.py": PARTITIONS,
    "tests/store/test_history.py::test_rows_of_several_partitions_stand_in_one_order": PARTITIONS,
    "tests/store/test_jobs.py::test_where_its_partition_is_away_nobody_waits_for_it": PARTITIONS,
    "tests/delivering/test_silenced.py::test_a_decision_that_was_made_before_is_not_what_counts": SILENCES,
    "tests/background/test_silences.py::test_what_a_command_ended_and_could_not_tell_any_more_is_told": WHOLE,
    "tests/background/test_scheduler.py::test_readyz_says_which_tick_failed_last_until_it_is_done_again": SERVER,
    "tests/store/test_sealing.py": SEALED,
    "tests/store/test_wire.py": SERVER,
    "tests/store/test_records.py": WHOLE,
    "tests/store/test_unasked.py::test_nothing_is_looked_up_where_nothing_more_is_known": ONE_STEP,
    "tests/store/test_accept.py::test_two_first_events_of_a_retry_at_once_agree_which_run_it_is": ONE_STEP,
    "tests/store/test_spaces.py::test_a_batch_that_begins_while_another_tenants_member_is_looked_up": ONE_STEP,
    "tests/store/test_identity.py::test_an_outcome_that_comes_in_while_the_start_is_looked_up_is_seen": ONE_STEP,
    "tests/store/test_identity.py::test_an_end_that_was_compared_before_another_was_recorded": ONE_STEP,
    "tests/store/test_outcomes.py::TestReports::test_two_that_add_to_an_outcome_at_one_moment_are_both_kept": ONE_STEP,
    "tests/flow/test_retries.py::test_a_thin_report_that_meets_the_one_that_names_the_original_follows_it": ONE_STEP,
    "tests/store/test_queue_faults.py::TestFaults::test_a_poisoned_request_leaves_its_neighbours_alone": CLASSES,
    "tests/store/test_queue_faults.py::TestFaults::test_a_lost_claim_is_given_again": HANDED_OVER,
    "tests/store/test_accept.py::test_a_full_redis_refuses_with_nothing_done_and_accepts_once_there_is_room": SERVER,
    "tests/store/test_accept.py::test_a_full_redis_still_drains": SERVER,
    "tests/store/test_accept.py::test_forgotten_scripts_are_sent_again": SERVER,
    "tests/store/test_accept.py::test_data_of_an_older_layout_is_refused_and_the_way_on_is_told": SERVER,
}
